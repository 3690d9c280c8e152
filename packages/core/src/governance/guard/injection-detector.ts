// Injection detector
//
// Sentences by which a text tries to take over the model that reads it. A heuristic: it finds the known phrases and
// the control marks of chat templates, and no more; a classifier by Route sees further.

import { type Detector, patternDetector } from './detector.ts'

const verbs = 'ignore|disregard|forget|override|bypass|skip'
const fillers =
  'all|any|the|of|your|my|these|those|and|previous|prior|above|earlier|preceding|former|' +
  'system|safety'
const rules = 'instructions?|prompts?|rules?|directives?|guidelines?|messages?|restrictions?'
const secrets = 'system|hidden|initial|secret|original|internal'

const patterns: readonly (readonly [detector: string, form: string])[] = [
  ['override', `\\b(?:${verbs})\\s{1,3}(?:(?:${fillers})\\s{1,3}){1,6}(?:${rules})\\b`],
  [
    'reveal',
    `\\b(?:reveal|print|show|repeat|output|leak)\\s{1,3}(?:me\\s{1,3})?(?:your|the)\\s{1,3}` +
      `(?:${secrets})\\s{1,3}(?:prompt|instructions?|message|rules)\\b`,
  ],
  [
    'persona',
    '\\byou\\s{1,3}are\\s{1,3}(?:now\\s{1,3})?' +
      '(?:dan|jailbroken|unrestricted|in\\s{1,3}developer\\s{1,3}mode)\\b',
  ],
  ['mode', '\\b(?:enable|enter|activate)\\s{1,3}(?:dan|developer|jailbreak|god)\\s{1,3}mode\\b'],
  ['template', '<\\|(?:im_start|im_end|system|endoftext|start_header_id|eot_id)\\|>|\\[/?INST\\]'],
  ['heading', '(?:^|\\n)#{1,4} ?(?:system|new instructions?) ?:'],
]

const each = patterns.map(
  ([detector, form]) => [detector, new RegExp(`^(?:${form})`, 'i')] as const,
)

/** For whole texts: what a model says in pieces is no instruction to it. */
export const injectionDetector: Detector = patternDetector({
  ...{ kind: 'injection', severity: 'high', reach: 128 },
  pattern: new RegExp(patterns.map(([, form]) => form).join('|'), 'gi'),
  mayHold: () => true,
  mayStart: () => true,
  judge: (match) => {
    const known = each.find(([, form]) => form.test(match))
    return { detector: known?.[0] ?? 'phrase', length: match.length }
  },
})

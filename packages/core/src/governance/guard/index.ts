export type { Detector } from './detector.ts'
export { detectorsOf } from './detectors-of.ts'
export {
  type FindingKind,
  findingKind,
  findingKinds,
  type GuardAction,
  type GuardClassifier,
  type GuardFinding,
  type GuardPlan,
  type GuardPolicy,
  type GuardSide,
  type GuardSpec,
  guardAction,
  guardSide,
  guardSpec,
  guardVerdict,
  kindsOf,
  type Severity,
  stricter,
  wantedAction,
  wantedPlan,
} from './guard.ts'
export { heldText } from './held-file.ts'
export {
  type AnswerInspection,
  AnswerRewrite,
  type FindingCount,
  FindingCounts,
  type InspectedRequest,
  type Inspection,
  inspectRequest,
} from './inspect.ts'
export { jsonTexts } from './json-texts.ts'
export type { Originals } from './redaction.ts'
export { rewriteFrame } from './rewrite-frame.ts'
export { type Released, StreamRewrite, type TextChange } from './stream-rewrite.ts'
export { scanText, TextScan } from './text-scan.ts'

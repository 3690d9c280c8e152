// Describe conflict
//
// What a caller hears whose change was made for another generation than the one that is there.

import { kindOf, kinds, type ResourceKey } from '@tutti/core/resource'

export interface Conflict {
  readonly key: ResourceKey
  /** Where it is; 0 where there is none. */
  readonly generation: number
  /** Which the change was made for, where its document says so. */
  readonly expected: number | null
}

export function describeConflict({ key, generation, expected }: Conflict): string {
  const { kind, project, name } = key
  const subject = `${kind} ${name}${project === '' ? '' : ` in project ${project}`}`
  const known = kindOf(kind)
  const word = known === null ? kind : kinds[known].plural
  const look = `tutti get ${word} ${name} -o yaml`
  if (generation === 0) {
    const made = expected === null ? 'the change' : `generation ${expected}`
    return `${subject} is not there any more, and ${made} was: apply it without a generation`
  }
  const at = `${subject} is at generation ${generation}`
  if (expected === 0) return `${at} already, and was to be new: choose another name`
  if (expected === null) {
    const how = `look at what is there now (${look}), and apply yours again`
    return `${at}: somebody else has changed it at the same moment; ${how}`
  }
  const how = `get it again (${look}), make the change in that, and apply it`
  return `${at}, the change was made for ${expected}: ${how}`
}

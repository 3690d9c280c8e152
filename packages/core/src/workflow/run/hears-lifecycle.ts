// Hears lifecycle
//
// Whether a document waits for events of other runs' lifecycles, anywhere in it. Such an event is heard by its type alone, so that a
// type that it names says it.

import type { Json } from '../../resource/index.ts'
import { lifecyclePrefix } from './lifecycle-teller.ts'

export function hearsLifecycle(source: Json): boolean {
  if (typeof source !== 'object' || source === null) return false
  if (Array.isArray(source)) return source.some(hearsLifecycle)
  return Object.entries(source).some(
    ([name, value]) => (name === 'type' && isLifecycle(value)) || hearsLifecycle(value),
  )
}

function isLifecycle(type: Json): boolean {
  return typeof type === 'string' && type.startsWith(lifecyclePrefix)
}

// Why unknown

import type { ZodError } from 'zod'

/**
 * Why `what` of a control plane cannot be read by `reader`: it is upgraded before whoever follows
 * it, and may say what they do not know yet.
 */
export function whyUnknown(what: string, reader: string, { issues: [issue] }: ZodError): string {
  const { path = [], message = 'malformed' } = issue ?? {}
  const upgrade = `if the control plane is newer than this ${reader}, upgrade the ${reader}`
  return `${[what, ...path].join('.')}: ${message}: ${upgrade}`
}

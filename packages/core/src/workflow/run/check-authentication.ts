// Check authentication
//
// What a document says of how to authenticate that this runtime does not do, or that names what is not there.

import type { Finding } from '../../resource/index.ts'
import type { WorkflowDocument } from '../document/index.ts'
import { expressionIn } from './expressions.ts'

const grants = ['client_credentials', 'password']
const clientForms = ['client_secret_basic', 'client_secret_post', 'none']
/** Parts of a call's arguments in which endpoints stand; what else is there is the author's. */
const parts = new Set([
  ...['endpoint', 'document', 'proto', 'service', 'server', 'transport', 'http', 'agentCard'],
  'source',
])

/** Of the arguments of a call, or of a script. */
export function checkEndpoints(
  document: WorkflowDocument,
  given: unknown,
  path: string,
): readonly Finding[] {
  if (typeof given !== 'object' || given === null) return []
  return Object.entries(given).flatMap(([name, value]) => {
    const at = `${path}.${name}`
    if (name === 'authentication') return checkAuthentication(document, value, at)
    return parts.has(name) ? checkEndpoints(document, value, at) : []
  })
}

export function checkAuthentication(
  { use }: WorkflowDocument,
  given: unknown,
  path: string,
): readonly Finding[] {
  const named = nameIn(given)
  if (named !== null) {
    const isThere = Object.hasOwn(use?.authentications ?? {}, named)
    return isThere ? [] : [{ path, message: `use.authentications has no ${named}` }]
  }
  return Object.entries({ ...Object(given) }).flatMap(([scheme, settings]): Finding[] => {
    const at = `${path}.${scheme}`
    const secret = nameIn(settings)
    if (secret !== null) {
      const isThere = use?.secrets?.includes(secret) === true
      return isThere ? [] : [{ path: at, message: `use.secrets does not name ${secret}` }]
    }
    if (scheme !== 'oauth2' && scheme !== 'oidc') return []
    return checkGrant({ ...Object(settings) }, at)
  })
}

function checkGrant(settings: Readonly<Record<string, unknown>>, path: string): Finding[] {
  const { grant } = settings
  const { authentication: form } = { ...Object(settings['client']) }
  const findings: Finding[] = []
  if (typeof grant === 'string' && expressionIn(grant) === null && !grants.includes(grant)) {
    const message = `${grant} is not asked with: ${grants.join(' and ')} are`
    findings.push({ path: `${path}.grant`, message })
  }
  if (typeof form === 'string' && expressionIn(form) === null && !clientForms.includes(form)) {
    const message = `${form} is not done: ${clientForms.join(', ')} are`
    findings.push({ path: `${path}.client.authentication`, message })
  }
  return findings
}

/** What `use` names literally. */
function nameIn(value: unknown): string | null {
  const { use } = { ...Object(value) }
  return typeof use === 'string' && expressionIn(use) === null ? use : null
}

// Bedrock error
//
// An error of Amazon Bedrock's: `{"message": "…"}` under a status, or an exception in a stream.

import { type JsonObject, textOf } from './json.ts'
import type { ErrorEvent } from './openai-error.ts'

const statuses: Readonly<Record<string, number>> = {
  validationexception: 400,
  accessdeniedexception: 403,
  resourcenotfoundexception: 404,
  modeltimeoutexception: 408,
  modelerrorexception: 424,
  modelstreamerrorexception: 424,
  throttlingexception: 429,
  modelnotreadyexception: 429,
  internalserverexception: 500,
  serviceunavailableexception: 503,
}

/** The error in a body or event; `status` where its name tells none. */
export function bedrockError(body: JsonObject, status: number, name = ''): ErrorEvent {
  const [code = ''] = (name || textOf(body['__type'])).split('#').slice(-1)
  const message = textOf(body['message']) || textOf(body['Message'])
  return { kind: 'error', status: statuses[code.toLowerCase()] ?? status, code, message }
}

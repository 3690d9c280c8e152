// Classify failure
//
// What kind of failure an attempt was: it decides whether the same target is asked again, another one, or nobody.

export type FailureClass =
  /** Refused, reset or cut before an answer began. */
  | 'unreachable'
  /** A timer ran out: it may still be working on it. */
  | 'silent'
  /** An answer that ended before it was complete. */
  | 'truncated'
  /** An answer that is not what its dialect promises. */
  | 'malformed'
  /** 5xx. */
  | 'failing'
  | 'rate-limited'
  /** The provider does not accept our credentials or our account. */
  | 'unauthorized'
  /**
   * It does not have the model, or cannot do what is asked: take images, read thoughts that were
   * sealed for another account.
   */
  | 'absent'
  /** The request is longer than this model takes: a larger one may take it. */
  | 'context-length'
  /** The provider's policy refuses the content: nobody else is asked to break it. */
  | 'content-filter'
  /** Any other mistake of the caller's. */
  | 'caller'
  /** The address is forbidden, or the request cannot be said in its dialect. */
  | 'impossible'
  /** A budget does not hold what it may cost. */
  | 'unaffordable'

export interface ErrorAnswer {
  readonly status: number
  readonly code: string
  readonly message: string
}

/** The class of an answer that is an error. */
export function classifyFailure({ status, code, message }: ErrorAnswer): FailureClass {
  if (status < 400) return 'malformed' // a redirect: nobody follows it
  if (isContextLength(code, message)) return 'context-length'
  if (status === 501 || unable.some((words) => message.includes(words))) return 'absent'
  if (unread.some((words) => message.includes(words))) return 'caller'
  if (status >= 500 || failing.has(status)) return 'failing'
  if (status === 429) return code === 'insufficient_quota' ? 'unauthorized' : 'rate-limited'
  if (isFiltered(code, message)) return 'content-filter'
  if (status === 401 || status === 402 || status === 403) return 'unauthorized'
  if (status === 404 || isUnreadSeal({ code, message })) return 'absent'
  return 'caller'
}

// Late, in conflict, too early; and 424, which Bedrock says where the model behind it failed.
const failing: ReadonlySet<number> = new Set([408, 409, 424, 425])

// Sentences that llama.cpp and Ollama say with a 500: a caller's mistake must not count against them.
const unable = ['input is not supported - hint:']
const unread = ['Failed to parse tool call arguments as JSON', 'invalid JSON schema in format']

// Sentences of OpenAI, vLLM, Anthropic, Gemini, Bedrock, llama.cpp, SGLang and xAI, in this order.
const tooLong = [
  'maximum context length',
  'longer than the maximum model length',
  'prompt is too long',
  'exceeds the maximum number of tokens',
  'nput is too long for requested model',
  'exceeds the available context size',
  "longer than the model's context length",
  'maximum prompt length is',
]

// Sentences of Anthropic, OpenRouter and xAI, who have no codes for it; the last two say it with a 403.
const filtered = [
  'content filtering policy',
  'requires moderation and your input was flagged',
  'violates usage guidelines',
]

function isFiltered(code: string, message: string): boolean {
  if (/content_?(policy|filter)|safety|moderation/i.test(code)) return true
  return filtered.some((words) => message.includes(words))
}

/**
 * Thoughts are sealed for an account: a Route with several, or one that has changed, brings them to
 * another.
 */
export function isUnreadSeal({ code, message }: Pick<ErrorAnswer, 'code' | 'message'>): boolean {
  if (code === 'invalid_encrypted_content') return true
  return /encrypted[ _]content/i.test(message) && /could not be verified/i.test(message)
}

function isContextLength(code: string, message: string): boolean {
  return (
    /context_(length|window|size)/.test(code) || tooLong.some((words) => message.includes(words))
  )
}

/** True where the failure is the target's, so that it counts against it. */
export function isTargetsFault(failure: FailureClass): boolean {
  switch (failure) {
    case 'unreachable':
    case 'silent':
    case 'truncated':
    case 'malformed':
    case 'failing':
    case 'rate-limited':
    case 'unauthorized':
      return true
    case 'absent':
    case 'context-length':
    case 'content-filter':
    case 'caller':
    case 'impossible':
    case 'unaffordable':
      return false
  }
}

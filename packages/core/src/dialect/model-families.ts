// Model families
//
// What of an engine hangs on whose model it serves, and not on its dialect: told by the name of the model.

/** Models of Anthropic's at Bedrock, by themselves or through an inference profile of a region. */
export function isClaude(model: string): boolean {
  return model.includes('anthropic.claude')
}

/** The same, or one at Bedrock whose name does not tell: an inference profile of one's own. */
export function mayBeClaude(model: string): boolean {
  return isClaude(model) || model.startsWith('arn:') || !model.includes('.')
}

/**
 * Of Anthropic's at Bedrock, those that keep a prompt where they are told to: since 3.5 Haiku and
 * 3.7; others refuse the word.
 * Source: "Prompt caching for faster model inference", supported models (docs.aws.amazon.com).
 */
export function takesCachePoints(model: string): boolean {
  return /anthropic\.claude-(?!v\d|instant|3-(?:sonnet|opus|haiku|5-sonnet))/.test(model)
}

/** Google takes back what its models signed; others know no such member. */
export function isGemini(model: string): boolean {
  return model.includes('gemini')
}

/** Whose template for conversations takes ids of nine letters and digits, and no other. */
export function isMistral(model: string): boolean {
  return /mi[sx]tral|ministral|codestral|devstral|magistral|pixtral/i.test(model)
}

/**
 * Of Anthropic's, those that are told by the system in the midst of a conversation: Opus since 4.8,
 * and the others since 5.
 * Sources: "Mid-conversation system messages", limitations (platform.claude.com/docs); the profiles
 * of models in @langchain/anthropic 1.5.13.
 */
export function takesLateSystem(model: string): boolean {
  return /claude-(opus-4[-.]([89]|\d\d)|[a-z]+-([5-9]|\d\d))(?!\d)/.test(model)
}

// By what its name holds; the first one holds. The largest ones of 64,000 give twice as many.
const outputTokens: readonly (readonly [RegExp, number])[] = [
  [
    /claude-(3[-.]7|(sonnet|haiku)-4|opus-4[-.]([5-9]|\d\d(?!\d))|[a-z]+-([5-9]|\d\d(?!\d)))/,
    64_000,
  ],
  [/claude-opus-4/, 32_000],
  [/claude-3[-.]5/, 8_192],
]

/**
 * How long an answer of a model of Anthropic's may be, thoughts and all; of others that speak its
 * dialect nobody knows, and the least is told.
 * Source: "Models overview", max output (platform.claude.com/docs).
 */
export function outputTokensMax(model: string): number {
  return outputTokens.find(([form]) => form.test(model))?.[1] ?? 4_096
}

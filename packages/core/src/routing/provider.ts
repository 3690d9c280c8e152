// Provider
//
// An outside API or engine that speaks a known dialect: OpenAI, Ollama, vLLM, llama-server, LocalAI …

import { z } from 'zod'
import { dnsName } from '../resource/index.ts'

export const providerSpec = z.strictObject({
  dialect: z.enum(['openai']),
  /** Up to and without `/chat/completions`, e.g. `https://api.example.com/v1`. */
  baseUrl: z.url({ protocol: /^https?$/ }),
  /** Name of the Secret that holds the API key. */
  secret: dnsName.optional(),
  /** Allows loopback, private and link-local addresses: for engines of one's own. */
  allowPrivateNetwork: z.boolean().default(false),
})
export type ProviderSpec = z.infer<typeof providerSpec>

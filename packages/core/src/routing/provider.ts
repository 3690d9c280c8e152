// Provider
//
// An outside API or engine that speaks a known dialect: `openai` is also what Ollama, vLLM, llama-server and
// LocalAI speak.

import { z } from 'zod'
import { engineDialects } from '../dialect/index.ts'
import { dnsName } from '../resource/index.ts'
import { toolServerSpec } from './tool-server.ts'

/** Of those that answer as models do. */
export const providerDialect = z.enum(engineDialects)

export const providerSpec = z.strictObject({
  /** `mcp`: no model, but a server of tools, at `baseUrl` itself. */
  dialect: z.enum([...engineDialects, 'mcp']),
  /** Up to and without `/chat/completions`, e.g. `https://api.example.com/v1`; other dialects:
   * up to and without `/messages`, `/responses`, `/models/…` or, for `bedrock`, `/model/…`. */
  baseUrl: z.url({ protocol: /^https?$/ }),
  /** Name of the Secret that holds the API key. */
  secret: dnsName.optional(),
  /** Where it answers from: what a Route's `require.regions` asks for, and Bedrock signs for. */
  region: z.string().min(1).max(63).optional(),
  /** Allows loopback, private and link-local addresses: for engines of one's own. */
  allowPrivateNetwork: z.boolean().default(false),
  mcp: toolServerSpec.optional(),
})
export type ProviderSpec = z.infer<typeof providerSpec>

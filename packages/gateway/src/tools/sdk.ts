// SDK
//
// The Model Context Protocol's own SDK, brought in when the first caller asks for tools: it takes half a second and
// 30 MB, which gateways without tools do not pay.

import { pause } from '@tutti/machine'
import { connectionLost, type Fetch } from './fetch-of.ts'

export type Sdk = Awaited<ReturnType<typeof loadSdk>>
export type Connected = Awaited<ReturnType<Sdk['connect']>>
export type ProtocolClient = Connected['client']
export type ProtocolServer = ReturnType<Sdk['newServer']>

interface Reached {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly fetch: Fetch
}

const endMsMax = 1_000 // whoever stops a gateway waits for it

export async function loadSdk() {
  const [client, http, server, face, types] = await Promise.all([
    import('@modelcontextprotocol/sdk/client/index.js'),
    import('@modelcontextprotocol/sdk/client/streamableHttp.js'),
    import('@modelcontextprotocol/sdk/server/index.js'),
    import('@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'),
    import('@modelcontextprotocol/sdk/types.js'),
  ])
  const { Client } = client
  const { McpError, ErrorCode } = types
  const isAnswer = (error: unknown): error is InstanceType<typeof McpError> =>
    error instanceof McpError && !isOwn(error)
  return {
    ...{ ErrorCode, ResultSchema: types.ResultSchema },
    ListTools: types.ListToolsRequestSchema,
    CallTool: types.CallToolRequestSchema,
    newServer: (version: string) =>
      new server.Server({ name: 'tutti', version }, { capabilities: { tools: {} } }),
    /** Without sessions: every request says all that there is to know. */
    newFace: () => new face.WebStandardStreamableHTTPServerTransport(),
    connect: async ({ url, headers, fetch }: Reached, timeout: number) => {
      const made = new Client({ name: 'tutti-gateway', version: '0.1.0' })
      const options = { fetch, requestInit: { headers } }
      const transport = new http.StreamableHTTPClientTransport(new URL(url), options)
      // The SDK declares a session's id in a way that strict optional members do not take.
      await made.connect(transport as Parameters<typeof made.connect>[0], { timeout })
      /** Tells the server, which keeps a session until somebody does, or as long as it likes. */
      const end = async () => {
        const over = new AbortController()
        const told = transport.terminateSession().catch(() => {}) // it has none, or is dead
        await Promise.race([told, pause(endMsMax, over.signal)])
        over.abort()
        await made.close()
      }
      return { client: made, end }
    },
    isAnswer,
    isTimeout: (error: unknown) =>
      error instanceof McpError && error.code === ErrorCode.RequestTimeout && isOwn(error),
  }
}

const ownWords =
  /: (?:Request timed out|Maximum total timeout exceeded|Connection closed|Request was cancelled)$/

/** A timeout and a lost connection have the form of answers; servers use their codes, too. */
function isOwn({ message, data }: { readonly message: string; readonly data?: unknown }): boolean {
  return data === connectionLost || ownWords.test(message)
}

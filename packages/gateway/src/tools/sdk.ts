// SDK
//
// The Model Context Protocol's own SDK, brought in when the first caller asks for tools: it takes 0.2 s and
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

const probeMsMax = 2_000
const headerMismatch = -32_020 // HeaderMismatch, of the protocol's 2026-07-28
const endMsMax = 1_000 // whoever stops a gateway waits for it

export async function loadSdk() {
  const [client, server] = await Promise.all([
    import('@modelcontextprotocol/client'),
    import('@modelcontextprotocol/server'),
  ])
  const { Client, ProtocolError, SdkError, SdkErrorCode, SdkHttpError } = client
  const isDenied = (error: unknown) =>
    error instanceof SdkHttpError && (error.status === 401 || error.status === 403)
  return {
    ...{ ErrorCode: client.ProtocolErrorCode },
    newServer: (version: string) =>
      new server.Server({ name: 'tutti', version }, { capabilities: { tools: {} } }),
    /** Of either revision. Without sessions: every request says all that there is to know. */
    newFace: (make: () => ServerOf<typeof server>) =>
      server.createMcpHandler(make, {
        ...{ maxSubscriptions: 0, keepAliveMs: 0 },
        maxRequestBodySize: Number.MAX_SAFE_INTEGER, // it is bounded where it came in
      }),
    connect: async ({ url, headers, fetch }: Reached, timeout: number) => {
      const reach = async (mode: 'auto' | 'legacy') => {
        const about = { name: 'tutti-gateway', version: '0.1.0' }
        const probe = { timeoutMs: Math.min(timeout, probeMsMax) }
        const made = new Client(about, { versionNegotiation: { mode, probe } })
        const options = { fetch, requestInit: { headers } }
        const transport = new client.StreamableHTTPClientTransport(new URL(url), options)
        await made.connect(transport, { timeout })
        return { made, transport }
      }
      const { made, transport } = await reach('auto').catch((error: unknown) => {
        if (isDenied(error)) throw error
        // Many do worse than refuse what they do not know: they fail, hang up or say nothing.
        return reach('legacy')
      })
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
    /** What a server itself said; a connection that it lost has that form as well. */
    isAnswer: (error: unknown): error is InstanceType<typeof ProtocolError> =>
      error instanceof ProtocolError && error.data !== connectionLost,
    /** A server without a handshake looks at a call's headers before it looks at the call. */
    isOfHeaders: (asked: InstanceType<typeof Client>, error: unknown) =>
      asked.getProtocolEra() === 'modern' &&
      error instanceof ProtocolError &&
      error.code === headerMismatch,
    isTimeout: (error: unknown) =>
      error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout,
    /** A server that restarted knows no sessions of before; it has not looked at the request. */
    isSessionOver: (error: unknown) => error instanceof SdkHttpError && error.status === 404,
  }
}

type ServerOf<T extends { readonly Server: abstract new (...given: never) => unknown }> =
  InstanceType<T['Server']>

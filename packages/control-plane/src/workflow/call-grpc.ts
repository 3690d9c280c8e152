// Call gRPC
//
// `call: grpc`: one unary call as its proto describes it. The proto stands by itself, but for Google's well-known types;
// streams are refused: a step has one outcome. Port 443 is TLS, others are plain.

import type { Client, ClientOptions, Metadata, ServiceError } from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Json } from '@tutti/core/resource'
import { standardError } from '@tutti/core/workflow'
import { z } from 'zod'
import { ActFailed } from './act.ts'
import type { Caller } from './caller.ts'
import { plainCredentials } from './plain-credentials.ts'

const endpoint = z.union([z.string(), z.looseObject({ uri: z.string() })])
const grpcArguments = z.looseObject({
  proto: z.looseObject({ endpoint }),
  service: z.looseObject({
    name: z.string(),
    host: z.string(),
    port: z.int().default(443),
    authentication: z.json().optional(),
  }),
  method: z.string(),
  arguments: z.record(z.string(), z.json()).default({}),
})
type GrpcArguments = z.infer<typeof grpcArguments>
const deadlineMs = 120_000 // as other calls: two minutes without an answer
const answerBytesMax = 16 * 1024 * 1024

/** What an error's code is as a status, by Google's own table. */
const statuses: Readonly<Record<number, number>> = {
  ...{ 1: 499, 3: 400, 4: 504, 5: 404, 6: 409, 7: 403, 8: 429, 9: 400, 10: 409, 11: 400 },
  ...{ 12: 501, 14: 503, 16: 401 },
}

export async function callGrpc(given: Json, caller: Caller): Promise<Json> {
  const parsed = grpcArguments.safeParse(given)
  if (!parsed.success) throw wrong(`the call is not complete: ${parsed.error.message}`)
  const args = parsed.data
  const method = await methodOf(args, caller)
  // Loaded by who calls: 5 MB that most control planes never need.
  const { Client, credentials, Metadata } = await import('@grpc/grpc-js')
  const { host, port } = args.service
  const address = await caller.reach(host)
  const target = address.includes(':') ? `ipv6:[${address}]:${port}` : `ipv4:${address}:${port}`
  const options: ClientOptions = {
    'grpc.default_authority': `${host}:${port}`,
    'grpc.ssl_target_name_override': host,
    'grpc.max_receive_message_length': answerBytesMax,
    'grpc.enable_http_proxy': 0,
  }
  const secure = port === 443 ? credentials.createSsl() : credentials.createInsecure()
  const client = new Client(target, secure, options)
  try {
    const metadata = headersOf(args, caller, new Metadata())
    return await ask({ client, method, metadata }, args, caller)
  } finally {
    client.close()
  }
}

interface Line {
  readonly client: Client
  readonly method: Method
  readonly metadata: Metadata
}

function ask({ client, method, metadata }: Line, args: GrpcArguments, caller: Caller) {
  const { path, requestSerialize, responseDeserialize } = method
  return new Promise<Json>((resolve, reject) => {
    const call = client.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      args.arguments,
      metadata,
      { deadline: new Date(Date.now() + deadlineMs) },
      (error, answer) => {
        caller.signal.removeEventListener('abort', abort)
        if (error !== null) reject(failed(args.service.host, error))
        else resolve(z.json().parse(JSON.parse(JSON.stringify(answer ?? null))))
      },
    )
    const abort = () => call.cancel()
    caller.signal.addEventListener('abort', abort, { once: true })
  })
}

type Method = MethodDefinition<object, object>

async function methodOf(args: GrpcArguments, caller: Caller): Promise<Method> {
  const { endpoint: at } = args.proto
  const url = typeof at === 'string' ? at : at.uri
  const { signal } = caller
  const answer = await caller.egress({ method: 'GET', url, headers: {}, body: null, signal })
  if (answer.status !== 200) throw wrong(`${url} answered ${answer.status}`)
  const { fromJSON } = await import('@grpc/proto-loader')
  const { default: protobuf } = await import('protobufjs')
  try {
    const { root, imports = [] } = protobuf.parse(answer.body.toString('utf8'), { keepCase: true })
    const missing = imports.filter((name) => protobuf.common.get(name) === null)
    if (missing.length > 0) throw wrong(`the proto imports ${missing.join()}: it must stand alone`)
    for (const name of imports) root.addJSON(protobuf.common.get(name)?.nested ?? {})
    const bytes = { longs: String, enums: String, bytes: String, defaults: true, keepCase: true }
    const service = fromJSON(root.toJSON(), bytes)[args.service.name]
    if (service === undefined) throw wrong(`the proto has no service ${args.service.name}`)
    const found = Object.entries(service).find(([name]) => name === args.method)?.[1]
    if (!isMethod(found)) throw wrong(`${args.service.name} has no method ${args.method}`)
    if (found.requestStream || found.responseStream) {
      throw wrong(`${args.method} is a stream, and a step has one outcome`)
    }
    return found
  } catch (error) {
    if (error instanceof ActFailed) throw error
    const said = error instanceof Error ? error.message : String(error)
    throw wrong(`${url} is no proto: ${said}`)
  }
}

function isMethod(value: unknown): value is Method {
  return typeof value === 'object' && value !== null && 'requestSerialize' in value
}

function headersOf({ service }: GrpcArguments, caller: Caller, metadata: Metadata): Metadata {
  metadata.set('idempotency-key', caller.idempotencyKey)
  const authorization = plainCredentials(service.authentication, 'gRPC')
  if (authorization !== null) metadata.set('authorization', authorization)
  return metadata
}

function failed(host: string, error: ServiceError): ActFailed {
  const detail = `${host} over gRPC: ${error.details} (${error.code})`
  return new ActFailed(
    standardError('communication', detail, { status: statuses[error.code] ?? 500 }),
  )
}

function wrong(detail: string): ActFailed {
  return new ActFailed(standardError('configuration', detail))
}

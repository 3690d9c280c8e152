// Call task
//
// Calls: HTTP, OpenAPI, gRPC, AsyncAPI, MCP, A2A, or a function by its name. Tutti's own tasks are functions
// named `tutti.…`: a document that uses them is still a valid document of the specification.

import { z } from 'zod'
import { duration } from './duration.ts'
import { endpoint, externalResource, referenceableAuthentication } from './resource.ts'
import { saidIssues } from './said-issues.ts'
import { taskBase } from './task-base.ts'

const expression = z.string().regex(/^\s*\$\{[\s\S]+\}\s*$/, 'a runtime expression')
const texts = z.union([z.record(z.string(), z.string()), expression])
const record = z.record(z.string(), z.json())
const answer = z.enum(['raw', 'content', 'response'])

const http = z.strictObject({
  ...taskBase,
  call: z.literal('http'),
  with: z.strictObject({
    method: z.string(),
    endpoint,
    headers: texts.optional(),
    body: z.json().optional(),
    query: texts.optional(),
    output: answer.optional(),
    redirect: z.boolean().optional(),
  }),
})
const openapi = z.strictObject({
  ...taskBase,
  call: z.literal('openapi'),
  with: z.strictObject({
    document: externalResource,
    operationId: z.string(),
    parameters: record.optional(),
    authentication: referenceableAuthentication.optional(),
    output: answer.optional(),
    redirect: z.boolean().optional(),
  }),
})
const grpc = z.strictObject({
  ...taskBase,
  call: z.literal('grpc'),
  with: z.strictObject({
    proto: externalResource,
    service: z.strictObject({
      name: z.string(),
      host: z.string().regex(/^[a-zA-Z0-9](?:[a-zA-Z0-9-.]{0,61}[a-zA-Z0-9])?$/, 'a host name'),
      port: z.int().min(0).max(65_535).optional(),
      authentication: referenceableAuthentication.optional(),
    }),
    method: z.string(),
    arguments: record.optional(),
  }),
})

const consumption = { for: duration.optional() }
const subscription = z.strictObject({
  filter: expression.optional(),
  consume: z.union([
    z.strictObject({ ...consumption, amount: z.int() }),
    z.strictObject({ ...consumption, while: expression }),
    z.strictObject({ ...consumption, until: expression }),
  ]),
  foreach: record.optional(),
})
const asyncapi = z.strictObject({
  ...taskBase,
  call: z.literal('asyncapi'),
  with: z
    .strictObject({
      document: externalResource,
      channel: z.string().optional(),
      operation: z.string().optional(),
      server: z.strictObject({ name: z.string(), variables: record.optional() }).optional(),
      protocol: z.string().optional(),
      message: z
        .strictObject({ payload: record.optional(), headers: record.optional() })
        .optional(),
      subscription: subscription.optional(),
      authentication: referenceableAuthentication.optional(),
    })
    .refine(
      (value) => (value.channel === undefined) !== (value.operation === undefined),
      'either channel or operation',
    )
    .refine(
      (value) => (value.message === undefined) !== (value.subscription === undefined),
      'either message or subscription',
    ),
})

const transport = z
  .looseObject({
    http: z
      .looseObject({ endpoint, headers: z.record(z.string(), z.string()).optional() })
      .optional(),
    stdio: z
      .looseObject({
        command: z.string(),
        arguments: z.array(z.string()).optional(),
        environment: z.record(z.string(), z.string()).optional(),
      })
      .optional(),
    options: z.record(z.string(), z.string()).optional(),
  })
  .refine((value) => (value.http === undefined) !== (value.stdio === undefined), 'http or stdio')
const mcp = z.strictObject({
  ...taskBase,
  call: z.literal('mcp'),
  with: z.looseObject({
    protocolVersion: z.string().optional(),
    method: z.enum([
      'tools/list',
      'tools/call',
      'prompts/list',
      'prompts/get',
      'resources/list',
      'resources/read',
      'resources/templates/list',
    ]),
    parameters: z.union([z.string(), record]).optional(),
    timeout: duration.optional(),
    transport,
    client: z.looseObject({ name: z.string(), version: z.string() }).optional(),
  }),
})
const a2a = z.strictObject({
  ...taskBase,
  call: z.literal('a2a'),
  with: z.strictObject({
    agentCard: externalResource.optional(),
    server: endpoint.optional(),
    method: z.enum([
      'message/send',
      'message/stream',
      'tasks/get',
      'tasks/list',
      'tasks/cancel',
      'tasks/resubscribe',
      'tasks/pushNotificationConfig/set',
      'tasks/pushNotificationConfig/get',
      'tasks/pushNotificationConfig/list',
      'tasks/pushNotificationConfig/delete',
      'agent/getAuthenticatedExtendedCard',
    ]),
    parameters: z.union([z.string(), record]).optional(),
  }),
})

const protocols = { http, openapi, grpc, asyncapi, mcp, a2a }
export type Protocol = keyof typeof protocols
export const protocolNames = Object.keys(protocols) as readonly Protocol[]

const callFunction = z.strictObject({
  ...taskBase,
  call: z
    .string()
    .min(1)
    .refine((name) => !protocolNames.some((one) => one === name), 'the name of a function'),
  with: record.optional(),
})

const byProtocol = z.discriminatedUnion('call', [http, openapi, grpc, asyncapi, mcp, a2a])

/** A protocol's call where `call` names one, else a function's. */
export const callTask = z.unknown().transform((value, context) => {
  const name = typeof value === 'object' && value !== null && 'call' in value ? value.call : null
  const chosen = protocolNames.some((one) => one === name) ? byProtocol : callFunction
  const parsed = chosen.safeParse(value)
  if (parsed.success) return parsed.data
  for (const { message, path } of saidIssues(parsed.error.issues)) {
    context.issues.push({ code: 'custom', message, path: [...path], input: value })
  }
  return z.NEVER
})

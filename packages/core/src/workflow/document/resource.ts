// Resource
//
// What tasks refer to: endpoints and how to authenticate there, schemas, errors, retries, timeouts, events.

import { z } from 'zod'
import { duration } from './duration.ts'

const text = z.string().min(1)
const runtimeExpression = z.string().regex(/^\s*\$\{[\s\S]+\}\s*$/, 'a runtime expression')
const uriTemplate = z
  .string()
  .regex(
    /^(?!\s*\$\{)(?=\S)(([^:/?#]+):)?(\/\/([^/?#\s]*))?([^?#\s]*)(\?([^#\s]*))?(#(\S*))?$/,
    'a URI, or a URI template',
  )
const uri = z.union([uriTemplate, runtimeExpression])
const bySecret = z.strictObject({ use: text })

const credentials = z.union([
  bySecret,
  z.strictObject({ username: z.string(), password: z.string() }),
])
const oauthToken = z.strictObject({ token: z.string(), type: z.string() })
const oauth = {
  authority: uriTemplate,
  grant: z.enum([
    'authorization_code',
    'client_credentials',
    'password',
    'refresh_token',
    'urn:ietf:params:oauth:grant-type:token-exchange',
  ]),
  client: z
    .strictObject({
      id: z.string().optional(),
      secret: z.string().optional(),
      assertion: z.string().optional(),
      authentication: z
        .enum([
          'client_secret_basic',
          'client_secret_post',
          'client_secret_jwt',
          'private_key_jwt',
          'none',
        ])
        .optional(),
    })
    .optional(),
  request: z
    .looseObject({
      encoding: z.enum(['application/x-www-form-urlencoded', 'application/json']).optional(),
    })
    .optional(),
  issuers: z.array(z.string()).optional(),
  scopes: z.array(z.string()).optional(),
  audiences: z.array(z.string()).optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  subject: oauthToken.optional(),
  actor: oauthToken.optional(),
}
const oauthEndpoints = z.looseObject({
  token: z.string().optional(),
  revocation: z.string().optional(),
  introspection: z.string().optional(),
})

/** One of the ways to say who is calling. */
export const authentication = z.union([
  z.strictObject({ basic: credentials }),
  z.strictObject({ bearer: z.union([bySecret, z.strictObject({ token: z.string() })]) }),
  z.strictObject({ digest: credentials }),
  z.strictObject({
    oauth2: z.union([bySecret, z.strictObject({ ...oauth, endpoints: oauthEndpoints.optional() })]),
  }),
  z.strictObject({ oidc: z.union([bySecret, z.strictObject(oauth)]) }),
])
export type Authentication = z.infer<typeof authentication>

export const referenceableAuthentication = z.union([bySecret, authentication])

export const endpoint = z.union([
  runtimeExpression,
  uriTemplate,
  z.strictObject({ uri, authentication: referenceableAuthentication.optional() }),
])
export type Endpoint = z.infer<typeof endpoint>

export const externalResource = z.strictObject({ name: z.string().optional(), endpoint })

export const schema = z.union([
  z.strictObject({ format: z.string().optional(), document: z.json() }),
  z.strictObject({ format: z.string().optional(), resource: externalResource }),
])
export type Schema = z.infer<typeof schema>

const template = z.union([z.string(), z.record(z.string(), z.json())])

export const input = z.strictObject({ schema: schema.optional(), from: template.optional() })
export const output = z.strictObject({ schema: schema.optional(), as: template.optional() })
export const contextExport = output

export const errorDefinition = z.strictObject({
  type: uri,
  status: z.int(),
  instance: z.string().optional(),
  title: z.string().optional(),
  detail: z.string().optional(),
})
export type ErrorDefinition = z.infer<typeof errorDefinition>

export const errorFilter = z
  .looseObject({
    type: z.string().optional(),
    status: z.int().optional(),
    instance: z.string().optional(),
    title: z.string().optional(),
    detail: z.string().optional(),
  })
  .refine((filter) => Object.keys(filter).length > 0, 'a filter names at least one property')
export type ErrorFilter = z.infer<typeof errorFilter>

const anything = z.json().optional()
const backoff = z.union([
  z.strictObject({ constant: z.record(z.string(), z.json()) }),
  z.strictObject({ exponential: z.record(z.string(), z.json()) }),
  z.strictObject({ linear: z.record(z.string(), z.json()) }),
])

export const retryPolicy = z.strictObject({
  when: z.string().optional(),
  exceptWhen: z.string().optional(),
  delay: duration.optional(),
  backoff: backoff.optional(),
  limit: z
    .strictObject({
      attempt: z
        .strictObject({ count: z.int().optional(), duration: duration.optional() })
        .optional(),
      duration: duration.optional(),
    })
    .optional(),
  jitter: z.strictObject({ from: duration, to: duration }).optional(),
})
export type RetryPolicy = z.infer<typeof retryPolicy>

export const timeout = z.strictObject({ after: duration })
export const catalog = z.strictObject({ endpoint })

const moment = z.union([runtimeExpression, z.iso.datetime({ offset: true })])

/** The attributes of a CloudEvent; further ones are extensions of it. */
export const eventProperties = z.looseObject({
  id: z.string().optional(),
  source: uri.optional(),
  type: z.string().optional(),
  time: moment.optional(),
  subject: z.string().optional(),
  datacontenttype: z.string().optional(),
  dataschema: uri.optional(),
  data: anything,
})

export const eventFilter = z.strictObject({
  with: eventProperties.refine((value) => Object.keys(value).length > 0, 'at least one property'),
  correlate: z
    .record(z.string(), z.looseObject({ from: z.string(), expect: z.string().optional() }))
    .optional(),
})
export type EventFilter = z.infer<typeof eventFilter>

const all = z.strictObject({ all: z.array(eventFilter) })
const one = z.strictObject({ one: eventFilter })

/** Which events are waited for: all of some, any of some (once or until something), or one. */
export const eventConsumption = z.union([
  all,
  one,
  z.strictObject({
    any: z.array(eventFilter),
    until: z
      .union([z.string(), all, one, z.strictObject({ any: z.array(eventFilter) })])
      .optional(),
  }),
])
export type EventConsumption = z.infer<typeof eventConsumption>

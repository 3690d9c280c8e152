// OWS stand-ins
//
// The outside hosts that the specification's scenarios and examples call, as far as they need them: the pet store,
// httpbin's basic authentication, Star Wars; anything else answers with a small object.

import type { Egress, OutAnswer, OutRequest } from '@tutti/control-plane/workflow'

const pet = { id: 1, name: 'doggie', status: 'available', category: { id: 1, name: 'dogs' } }
const swagger = {
  swagger: '2.0',
  host: 'petstore.swagger.io',
  basePath: '/v2',
  schemes: ['https'],
  paths: {
    '/pet/findByStatus': {
      get: { operationId: 'findPetsByStatus', parameters: [{ name: 'status', in: 'query' }] },
    },
    '/pet/{petId}': {
      get: { operationId: 'getPetById', parameters: [{ name: 'petId', in: 'path' }] },
    },
  },
}
const orders = {
  openapi: '3.0.0',
  paths: {
    '/log': { post: { operationId: 'logreading' } },
    '/report': { post: { operationId: 'produceReport' } },
  },
}

/** Answers as the hosts would; 599 for a host that nobody may need. */
export const standIns: Egress = async (request) => {
  const url = new URL(request.url)
  const answer = hosts[url.host]
  return answer === undefined ? json(200, { ok: true }) : answer(request, url)
}

type Host = (request: OutRequest, url: URL) => OutAnswer

const hosts: Readonly<Record<string, Host>> = {
  'petstore.swagger.io': ({ method }, { pathname }) => {
    if (method !== 'GET') return json(200, pet)
    if (pathname === '/v2/swagger.json') return json(200, swagger)
    if (pathname === '/v2/pet/findByStatus') return json(200, [pet, { ...pet, id: 2 }])
    const id = /^\/v2\/pet\/(\d+)$/.exec(pathname)?.[1]
    return id === undefined ? json(404, { type: 'unknown' }) : json(200, { ...pet, id: Number(id) })
  },
  'httpbin.org': ({ headers }, { pathname }) => {
    const [, , username, password] = pathname.split('/')
    const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
    const isRight = headers['authorization'] === wanted
    return json(isRight ? 200 : 401, { authenticated: isRight })
  },
  'swapi.dev': (_, { pathname }) =>
    json(
      200,
      pathname.startsWith('/api/people')
        ? { homeworld: 'https://swapi.dev/api/planets/1' }
        : { name: 'Tatooine' },
    ),
  'myorg.io': () => json(200, orders),
  keycloak: (_, { pathname }) =>
    json(
      200,
      pathname.includes('.well-known')
        ? { token_endpoint: 'http://keycloak/token' }
        : { access_token: 't' },
    ),
  login: () => json(200, { access_token: 't', token_endpoint: 'http://login/token' }),
  'raw.githubusercontent.com': () => json(200, { set: { logged: true } }),
}

function json(status: number, value: unknown): OutAnswer {
  const body = Buffer.from(JSON.stringify(value))
  return { status, headers: { 'content-type': 'application/json' }, body }
}

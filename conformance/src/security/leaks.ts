// Leaks
//
// Prompts and secrets in places where nobody looks for them: logs, metrics, error pages, the ledger. After the
// engines whose debug logs and metric labels held what users had typed.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kindNames, kinds } from '@tutti/core/resource'
import { type Attack, ask, bearer } from './attack.ts'

const prompt = 'prompt-of-a-patient-5b1e'
const secretValue = 'sk-of-a-provider-9c4d'

export async function lookForLeaks(attack: Attack): Promise<void> {
  const { fleet, scoring } = attack
  const token = (await fleet.tutti('token')).trim()
  await fleet.tutti('apply', '-f', writeSecret(fleet.folder))
  await spread(attack)
  const secrets = secretsOf(attack, token)
  const places = await placesOf(attack)
  for (const [place, text] of Object.entries(places)) {
    scoring.check(text.length > 0, `${place} could not be read`)
    scoring.check(!text.includes(prompt), `${place} holds what a user has typed`)
    for (const [name, secret] of Object.entries(secrets)) {
      scoring.check(!text.includes(secret), `${place} holds ${name}`)
    }
  }
}

/** Sends the prompt wherever a user may type, above all where it fails. */
async function spread({ fleet }: Attack): Promise<void> {
  const headers = { ...bearer(fleet.key), 'x-note': prompt, 'user-agent': prompt }
  const chat = { model: 'lure-0', messages: [{ role: 'user', content: prompt }] }
  const input = { name: 'image', datatype: 'FP32', shape: [1], data: [prompt] }
  const bodies: readonly (readonly [string, string])[] = [
    ['/v1/chat/completions', JSON.stringify(chat)],
    ['/v1/chat/completions', JSON.stringify({ ...chat, stream: true })],
    ['/v1/chat/completions', JSON.stringify({ ...chat, temperature: prompt })],
    ['/v1/chat/completions', `{"model": "lure-0", "messages": ${prompt}`],
    ['/v1/messages', JSON.stringify({ ...chat, max_tokens: 1 })],
    ['/v2/models/parts/infer', JSON.stringify({ inputs: [input] })],
    ['/v2/models/parts/infer', JSON.stringify({ inputs: prompt })],
    ['/v1/feedback', JSON.stringify({ request_id: prompt, label: prompt })],
    [`/v2/models/${prompt}/infer`, '{}'],
    [`/v1/${prompt}?q=${prompt}`, '{}'],
  ]
  for (const [path, body] of bodies) {
    await ask(`${fleet.gateway}${path}`, { method: 'POST', headers, body })
  }
  const [node] = fleet.nodes
  for (const body of [JSON.stringify({ inputs: [input] }), prompt]) {
    const own = { ...headers, ...bearer(node?.key ?? '') }
    await ask(`${node?.url}/v2/models/parts/infer`, { method: 'POST', headers: own, body })
  }
}

function secretsOf({ fleet }: Attack, token: string): Record<string, string> {
  const read = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8'))
  const credentials = read(join(fleet.home, 'credentials.json'))
  const identity = read(join(fleet.folder, fleet.nodes[0]?.name ?? '', 'identity.json'))
  return {
    'the admin key': String(credentials['admin']),
    'the gateway key': String(credentials['gateway']),
    'a join token': token,
    'a node’s local key': String(identity['localKey']),
    'a node’s private key': String(identity['privateKey']).split('\n')[1] ?? '',
    'a provider’s secret': secretValue,
  }
}

async function placesOf({ fleet }: Attack): Promise<Record<string, string>> {
  const headers = bearer(fleet.key)
  const read = async (url: string) => (await ask(url, { headers })).body
  const [node] = fleet.nodes
  const resources = await Promise.all(
    kindNames.map((kind) => read(`${fleet.url}/api/v1/${kinds[kind].plural}`)),
  )
  return {
    'the logs': fleet.readLogs(),
    'the metrics of the control plane': await read(`${fleet.url}/metrics`),
    'the metrics of the gateway': await read(`${fleet.gateway}/metrics`),
    'the statistics of a node': (
      await ask(`${node?.url}/v2/models/parts/stats`, { headers: bearer(node?.key ?? '') })
    ).body,
    'the ledger': await read(`${fleet.url}/api/v1/ledger/entries`),
    'the resources': resources.join('\n'),
  }
}

function writeSecret(folder: string): string {
  const path = join(folder, 'secret.json')
  const metadata = { name: 'of-a-provider' }
  const secret = { apiVersion: 'tutti/v1', kind: 'Secret', metadata, spec: { value: secretValue } }
  writeFileSync(path, JSON.stringify(secret))
  return path
}

// Models
//
// Which models a key is told of: the routes that it may call, as the clients of each dialect list and look them up. Of
// one that it may not call nobody says that it is there.

import { type Directory, type KeyEntry, mayAsk } from '../routing/index.ts'
import { type Dialect, type Refusal, refuse, sendJson } from './answer.ts'
import type { Exchange } from './exchange.ts'

const modelsPath = /^\/v1(?:beta|alpha)?\/models(?:\/([^/]+))?$/

export function isModelsPath(path: string): boolean {
  return modelsPath.test(path)
}

/** All of them, or the one that the path names. */
export function answerModels({ reply, path, dialect, directory, key }: Exchange): void {
  const name = modelsPath.exec(path)?.[1]
  const names = namesOf(directory, key)
  const told = (id: string) => modelOf(dialect, directory, { id, project: key.project })
  if (name === undefined) return sendJson(reply, 200, listOf(dialect, names, names.map(told)))
  if (!names.includes(name)) return refuse(reply, dialect, noModel(directory, key, name))
  sendJson(reply, 200, told(name))
}

/** What is said of a name that the key may not call, or nobody may. */
export function noModel(directory: Directory, key: KeyEntry, asked: string): Refusal {
  const names = namesOf(directory, key).slice(0, 20)
  const name = asked.slice(0, 80)
  const others = names.length === 0 ? 'none yet' : names.join(', ')
  const message = `there is no model ${name} for this key: it may call ${others}`
  return { status: 404, code: 'model_not_found', message }
}

/** The names that a key may call. */
function namesOf(directory: Directory, key: KeyEntry): string[] {
  const routes = directory.routes(key.project).filter((route) => mayAsk(key, route))
  const names = routes.map(({ name }) => name)
  return key.routes === undefined ? names : names.filter((name) => key.routes?.includes(name))
}

interface Model {
  readonly id: string
  readonly project: string
}

/**
 * Nobody knows when a route was made: both dialects that ask want a time. Clients of typed
 * languages miss a member that Anthropic's API always has, so what nobody knows is null.
 */
function modelOf(dialect: Dialect, directory: Directory, { id, project }: Model): object {
  switch (dialect) {
    case 'anthropic':
      return {
        ...{ type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:00Z' },
        ...{ lifecycle: 'active', deprecated_at: null, retires_at: null },
        ...{ capabilities: null, line: null, max_input_tokens: null, max_tokens: null },
      }
    case 'gemini': {
      const targets = directory.route(project, id)?.targets ?? []
      const isChat = targets.some((target) => 'provider' in target) // nodes answer tensors
      const methods = isChat ? ['generateContent', 'streamGenerateContent'] : []
      return { name: `models/${id}`, displayName: id, supportedGenerationMethods: methods }
    }
    case 'oip':
    case 'openai':
    case 'openai-responses':
      return { id, object: 'model', created: 0, owned_by: project }
  }
}

/** A key has few enough for one page. */
function listOf(dialect: Dialect, names: readonly string[], models: readonly object[]): object {
  switch (dialect) {
    case 'anthropic': {
      const [first_id = null, last_id = null] = [names[0], names.at(-1)]
      return { data: models, has_more: false, first_id, last_id }
    }
    case 'gemini':
      return { models }
    case 'oip':
    case 'openai':
    case 'openai-responses':
      return { object: 'list', data: models }
  }
}

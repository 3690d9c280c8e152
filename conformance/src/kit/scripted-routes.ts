// Scripted routes
//
// The models of one scenario: each route answers as the scenario says, in turn, the last answer again and again. A
// small gateway of the kit's own, which speaks as much of the chat API as one answer takes.

import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'

export interface RouteAnswer {
  readonly content: string
  readonly usage?: unknown
}

export class ScriptedRoutes {
  readonly #answers = new Map<string, readonly RouteAnswer[]>()
  readonly #asked = new Map<string, number>()

  script(route: string, answers: readonly RouteAnswer[]): void {
    this.#answers.set(route, answers)
  }

  /** How often it was asked. */
  asked(route: string): number {
    return this.#asked.get(route) ?? 0
  }

  /** Null where no step names the route. */
  answer(route: string): object | null {
    const answers = this.#answers.get(route)
    if (answers === undefined) return null
    const asked = this.asked(route)
    this.#asked.set(route, asked + 1)
    const { content, usage } = answers[Math.min(asked, answers.length - 1)] ?? { content: '' }
    const message = { role: 'assistant', content }
    const choices = [{ index: 0, finish_reason: 'stop', message }]
    return { object: 'chat.completion', model: route, choices, usage }
  }
}

/** Answers for the routes of whichever scenario runs. */
export async function openRouteHost(
  routes: () => ScriptedRoutes | null,
): Promise<{ readonly url: string; readonly stop: () => Promise<void> }> {
  const server: Server = createServer((request, response) => {
    modelOf(request).then(
      (model) => {
        const answer = routes()?.answer(model) ?? null
        response.writeHead(answer === null ? 404 : 200, { 'content-type': 'application/json' })
        response.end(JSON.stringify(answer ?? { error: { message: `there is no ${model}` } }))
      },
      () => response.writeHead(400).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function modelOf(request: IncomingMessage): Promise<string> {
  const body: { readonly model?: unknown } = JSON.parse((await buffer(request)).toString())
  return String(body.model)
}

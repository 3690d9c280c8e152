// Check references
//
// What can be wrong with a document beyond its form: expressions that are no jq, jumps to nowhere, names of
// errors, timeouts, retries, functions and authentications that `use` does not have.

import type { Finding } from '../../resource/index.ts'
import { nearest } from '../../resource/index.ts'
import {
  checkTaskProperties,
  parseTaskList,
  protocolNames,
  subscriptionIterator,
  type TaskItem,
  type TaskList,
  type TaskOf,
  taskPropertiesOf,
  type WorkflowDocument,
} from '../document/index.ts'
import { Expressions, expressionIn } from './expressions.ts'
import { ownNames } from './own-functions.ts'
import { undoIn } from './run-compensate.ts'

export interface Visitor {
  /** Called for every task of a document, wherever it stands. */
  readonly task: (task: TaskItem['task'], path: string) => void
  /** Called for every expression in them and around them. */
  readonly expression: (text: string, path: string) => void
}

export function visitDocument(document: WorkflowDocument, visitor: Visitor): void {
  const checker = new Checker(document, new Expressions(), () => {}, visitor)
  checker.all()
  checker.around()
  checker.used()
}

/** What is wrong with expressions and names that stand in no task. */
export function checkAround(document: WorkflowDocument): readonly Finding[] {
  const findings: Finding[] = []
  const add: Add = (path, message) => void findings.push({ path, message })
  new Checker(document, new Expressions(), add, nobody).around()
  return findings
}

const nobody: Visitor = { task: () => {}, expression: () => {} }

interface Place {
  readonly path: string
  readonly names: readonly string[]
}

/** Members that are no texts, or are looked at by `#parts` with more variables. */
const handled = new Set(['type', 'metadata', 'while', 'do', 'try', 'catch', 'fork', 'foreach'])

type Add = (path: string, message: string) => void

export function checkReferences(
  document: WorkflowDocument,
  expressions: Expressions,
): readonly Finding[] {
  const findings: Finding[] = []
  const add: Add = (path, message) => {
    findings.push({ path, message })
  }
  new Checker(document, expressions, add, nobody).all()
  return findings
}

/** Fields whose text is an expression without `${ }` too. */
const bare = new Set(['if', 'from', 'as', 'when', 'exceptWhen', 'while', 'until', 'expect'])
/** Fields whose members the author names: nothing in them is an expression without `${ }`. */
const free = new Set(['set', 'with', 'run'])
/** Fields that count before the task reads the assets that it needs. */
const before = new Set(['if', 'input', 'timeout'])
/** Fields that hold tasks, which are looked at with their own variables. */
const lists = new Set(['do', 'try', 'catch', 'fork', 'foreach'])

class Checker {
  readonly #document: WorkflowDocument
  readonly #expressions: Expressions
  readonly #add: Add
  readonly #visitor: Visitor

  constructor(document: WorkflowDocument, expressions: Expressions, add: Add, visitor: Visitor) {
    this.#document = document
    this.#expressions = expressions
    this.#add = add
    this.#visitor = visitor
  }

  all(): void {
    this.list(this.#document.do, { path: 'do', names: [] })
    this.schedule()
    for (const [name, task] of Object.entries(this.#document.use?.functions ?? {})) {
      const item = { name, task, definition: task }
      this.item(item, { path: `use.functions.${name}`, names: [] }, [])
    }
    for (const [index, entry] of (this.#document.use?.extensions ?? []).entries()) {
      for (const [name, { before = [], after = [] }] of Object.entries(entry)) {
        const path = `use.extensions.${index}.${name}`
        this.list(before, { path: `${path}.before`, names: [] })
        this.list(after, { path: `${path}.after`, names: [] })
      }
    }
  }

  /** The document's own input, output and limit of time. */
  around(): void {
    const { input, output, timeout } = this.#document
    this.#texts(input?.from, 'from', { path: 'input.from', names: [] })
    this.#texts(output?.as, 'as', { path: 'output.as', names: [] })
    this.#named(timeout, 'timeouts', 'timeout')
  }

  /** What tasks refer to, which sees the variables of who does. */
  used(): void {
    const { use } = this.#document
    this.#texts(use?.authentications, 'authentications', { path: 'use.authentications', names: [] })
    this.#texts(use?.timeouts, 'timeouts', { path: 'use.timeouts', names: [] })
    this.#texts(use?.errors, 'errors', { path: 'use.errors', names: [] })
  }

  /** Filters of events that start runs see no input and no variables. */
  schedule(): void {
    this.#texts(this.#document.schedule?.on, 'on', { path: 'schedule.on', names: [] })
  }

  list(list: TaskList, place: Place): void {
    const names = list.map(({ name }) => name)
    for (const [index, item] of list.entries()) {
      this.item(item, { ...place, path: `${place.path}.${index}.${item.name}` }, names)
    }
  }

  item({ task }: TaskItem, place: Place, siblings: readonly string[]): void {
    this.#visitor.task(task, place.path)
    this.#jump(task.then, `${place.path}.then`, siblings)
    this.#named(task.timeout, 'timeouts', `${place.path}.timeout`)
    const { needs = [] } = taskPropertiesOf(task)
    const inner = needs.length === 0 ? place : { ...place, names: [...place.names, 'assets'] }
    for (const [key, value] of Object.entries(task)) {
      if (handled.has(key)) continue
      const { names } = before.has(key) ? place : inner
      this.#texts(value, key, { names, path: `${place.path}.${key}` })
    }
    this.#parts(task, inner, siblings)
    this.#properties(task, place)
    const undo = undoIn(task)
    const path = `${place.path}.metadata.tutti.undo`
    if (undo !== null) this.#tasks(undo, { ...place, path })
  }

  #properties(task: TaskItem['task'], place: Place): void {
    for (const { path, message } of checkTaskProperties(task, place.path)) this.#add(path, message)
    const { cache, artifact, asset, needs = [] } = taskPropertiesOf(task)
    const path = `${place.path}.metadata.tutti`
    for (const [index, { partition, produce }] of needs.entries()) {
      const at = `${path}.needs.${index}`
      if (partition !== undefined)
        this.#texts(partition, 'as', { ...place, path: `${at}.partition` })
      this.#texts(produce?.input, 'input', { ...place, path: `${at}.produce.input` })
    }
    if (asset?.partition !== undefined) {
      const names = needs.length === 0 ? place.names : [...place.names, 'assets']
      this.#texts(asset.partition, 'as', { names, path: `${path}.asset.partition` })
    }
    if (asset !== undefined && cache !== undefined) {
      this.#add(`${path}.asset`, 'what is kept from before (`cache`) is no new asset')
    }
    if (cache?.key !== undefined) {
      this.#texts(cache.key, 'as', { ...place, path: `${path}.cache.key` })
    }
    const call = task.type === 'call' ? task.call : ''
    const isOwn = ['tutti.human', 'tutti.map', 'tutti.compensate', 'tutti.agent'].includes(call)
    const isProcess = task.type === 'run' && task.run.workflow === undefined
    if ((task.type === 'call' && !isOwn) || isProcess) return
    const message = 'only of what a call or a process gives'
    if (cache !== undefined) this.#add(`${path}.cache`, message)
    if (artifact !== undefined) this.#add(`${path}.artifact`, message)
  }

  #parts(task: TaskItem['task'], place: Place, siblings: readonly string[]): void {
    const at = (name: string, names: readonly string[] = []) => ({
      path: `${place.path}.${name}`,
      names: [...place.names, ...names],
    })
    switch (task.type) {
      case 'do':
        this.list(task.do, at('do'))
        return
      case 'for':
        this.#texts(task.while, 'while', at('while', [task.for.each, task.for.at]))
        this.list(task.do, at('do', [task.for.each, task.for.at]))
        return
      case 'fork':
        this.list(task.fork.branches, at('fork.branches'))
        return
      case 'listen':
        if (task.foreach?.do !== undefined) {
          this.list(task.foreach.do, at('foreach.do', [task.foreach.item, task.foreach.at]))
        }
        return
      case 'try':
        this.list(task.try, at('try'))
        this.#catch(task.catch, at('catch', [task.catch.as]))
        this.#jump(task.catch.then, `${place.path}.catch.then`, siblings)
        this.#named(task.catch.retry, 'retries', `${place.path}.catch.retry`)
        return
      case 'raise':
        this.#named(task.raise.error, 'errors', `${place.path}.raise.error`)
        return
      case 'call':
        this.#function(task.call, `${place.path}.call`)
        this.#own(task.call, task.with ?? {}, at('with'))
        this.#subscription(task.with, place)
        return
      case 'switch':
        for (const [index, entry] of task.switch.entries()) {
          for (const [name, { then }] of Object.entries(entry)) {
            this.#jump(then, `${place.path}.switch.${index}.${name}.then`, siblings)
          }
        }
    }
  }

  /** Lists of tasks in the arguments of our own functions. */
  #own(call: string, given: object, place: Place): void {
    const {
      do: tasks,
      tools,
      each = 'item',
      at = 'index',
    } = { ...given } as Record<string, unknown>
    const names = call === 'tutti.map' ? [...place.names, `${each}`, `${at}`] : place.names
    const path = `${place.path}.do`
    if (call === 'tutti.map' || call === 'tutti.compensate') this.#tasks(tasks, { path, names })
    if (call !== 'tutti.agent' || !Array.isArray(tools)) return
    for (const [index, tool] of tools.entries()) {
      const { mcp, do: work } = { ...tool } as Record<string, unknown>
      const at = { path: `${place.path}.tools.${index}.do`, names: place.names }
      if (mcp === undefined) this.#tasks(work, at)
    }
  }

  #subscription(given: unknown, place: Place): void {
    const { subscription } = { ...Object(given) }
    const { foreach } = { ...Object(subscription) }
    if (foreach === undefined) return
    const parsed = subscriptionIterator.safeParse(foreach)
    const path = `${place.path}.with.subscription.foreach`
    if (!parsed.success) this.#add(path, 'expected `item`, `at`, `do`, `output` and `export`')
    else {
      const { item, at, do: list = [] } = parsed.data
      this.list(list, { path: `${path}.do`, names: [...place.names, item, at] })
    }
  }

  #tasks(tasks: unknown, place: Place): void {
    const parsed = parseTaskList(tasks)
    if (parsed.ok) this.list(parsed.list, place)
    else this.#add(place.path, parsed.reason)
  }

  #catch(given: TaskOf<'try'>['catch'], place: Place): void {
    const { do: list = [], as: _, ...rest } = given
    for (const [key, value] of Object.entries(rest)) {
      this.#texts(value, key, { ...place, path: `${place.path}.${key}` })
    }
    this.list(list, { ...place, path: `${place.path}.do` })
  }

  #jump(then: string | undefined, path: string, siblings: readonly string[]): void {
    if (then === undefined || ['continue', 'exit', 'end', ...siblings].includes(then)) return
    const near = nearest(then, siblings)
    const hint = near === null ? '' : `: did you mean ${near}?`
    this.#add(path, `${then} is no task of this list${hint}`)
  }

  #named(value: unknown, where: 'timeouts' | 'retries' | 'errors', path: string): void {
    if (typeof value !== 'string') return
    const known = Object.keys(this.#document.use?.[where] ?? {})
    if (!known.includes(value)) this.#add(path, `use.${where} has no ${value}`)
  }

  #function(name: string, path: string): void {
    const known = [
      ...protocolNames,
      ...ownNames,
      ...Object.keys(this.#document.use?.functions ?? {}),
    ]
    if (known.includes(name) || /^[^@]+@.+$|:\/\//.test(name)) return
    const near = nearest(name, known)
    const hint = near === null ? '' : `: did you mean ${near}?`
    this.#add(path, `there is no function ${name}${hint}`)
  }

  #texts(value: unknown, key: string, place: Place): void {
    if (typeof value === 'string') {
      const isExpression = expressionIn(value) !== null || bare.has(key)
      if (isExpression) this.#visitor.expression(value, place.path)
      const wrong = isExpression ? this.#expressions.check(value, place.names) : null
      if (wrong !== null) this.#add(place.path, `${value} is no jq: ${wrong}`)
      return
    }
    if (typeof value !== 'object' || value === null) return
    for (const [name, part] of Object.entries(value)) {
      if (lists.has(name)) continue
      // A text in a list or under a key of the author's choice counts as what it stands in.
      const field = Array.isArray(value) || free.has(key) ? key : name
      this.#texts(part, field, { ...place, path: `${place.path}.${name}` })
    }
  }
}

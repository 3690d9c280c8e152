// Draw workflow
//
// A document as a Mermaid flowchart: tasks as boxes, what follows what as arrows. Tasks inside others hang below them; what
// a saga would undo is dotted.

import {
  parseTaskList,
  type TaskItem,
  type TaskList,
  type WorkflowDocument,
} from '../document/index.ts'
import { undoIn } from '../run/index.ts'

/** Where an arrow comes from, and what it says. */
interface Exit {
  readonly from: string
  readonly label: string
}

interface Drawn {
  readonly first: string | null
  readonly exits: readonly Exit[]
}

/** The text of a flowchart, as Mermaid reads it. */
export function drawWorkflow(document: WorkflowDocument): string {
  const pen = new Pen()
  const { namespace, name, version } = document.document
  const start = pen.box(`([${quote(`${namespace}.${name}:${version}`)}])`)
  const { exits } = drawList(pen, document.do, [{ from: start, label: '' }])
  const end = pen.box('([end])')
  for (const exit of [...exits, ...pen.ends]) pen.arrow(exit, end)
  return `${['flowchart TD', ...pen.lines].join('\n')}\n`
}

class Pen {
  readonly lines: string[] = []
  /** What ends the workflow. */
  readonly ends: Exit[] = []
  #count = 0

  /** A box of this shape; gives its name. */
  box(shape: string): string {
    const id = `t${this.#count}`
    this.#count += 1
    this.lines.push(`  ${id}${shape}`)
    return id
  }

  arrow({ from, label }: Exit, to: string, line = '-->'): void {
    this.lines.push(`  ${from} ${line}${label === '' ? '' : `|${quote(label)}|`} ${to}`)
  }
}

function drawList(pen: Pen, list: TaskList, entries: readonly Exit[]): Drawn {
  const boxes = list.map((item) => pen.box(shapeOf(item)))
  const left: Exit[] = []
  let open: readonly Exit[] = entries
  for (const [index, item] of list.entries()) {
    const box = boxes[index] ?? ''
    for (const exit of open) pen.arrow(exit, box)
    const next: Exit[] = []
    const go = (exit: Exit, then: string | undefined) => {
      const target = boxes[list.findIndex(({ name }) => name === then)]
      if (then === 'end') pen.ends.push(exit)
      else if (then === 'exit') left.push(exit)
      else if (target !== undefined) pen.arrow(exit, target)
      else next.push(exit)
    }
    for (const exit of drawInside(pen, item, box, go)) go(exit, item.task.then)
    drawUndo(pen, item, box)
    open = next
  }
  return { first: boxes[0] ?? null, exits: [...open, ...left] }
}

/** What stands inside a task; gives where it goes on from. */
function drawInside(
  pen: Pen,
  { task }: TaskItem,
  box: string,
  go: (exit: Exit, then: string | undefined) => void,
): readonly Exit[] {
  const below = (list: TaskList, label = '') => drawList(pen, list, [{ from: box, label }]).exits
  switch (task.type) {
    case 'do':
      return below(task.do)
    case 'for':
      return repeated(pen, box, below(task.do, `each ${task.for.each}`))
    case 'fork':
      return task.fork.branches.flatMap((branch) => below([branch]))
    case 'try':
      return [...below(task.try), ...below(task.catch.do ?? [], 'on error')]
    case 'listen':
      return below(task.foreach?.do ?? [])
    case 'switch': {
      const cases = task.switch.flatMap((entry) => Object.entries(entry))
      for (const [name, { then }] of cases) go({ from: box, label: name }, then)
      const hasDefault = cases.some(([, { when }]) => when === undefined)
      return hasDefault ? [] : [{ from: box, label: 'else' }]
    }
    case 'raise':
      return []
    case 'call': {
      const parsed = parseTaskList({ ...Object(task.with) }.do)
      if (!task.call.startsWith('tutti.') || !parsed.ok) return [{ from: box, label: '' }]
      const exits = below(parsed.list, task.call === 'tutti.map' ? 'each' : '')
      return task.call === 'tutti.map' ? repeated(pen, box, exits) : exits
    }
    default:
      return [{ from: box, label: '' }]
  }
}

function repeated(pen: Pen, box: string, exits: readonly Exit[]): readonly Exit[] {
  for (const { from } of exits) if (from !== box) pen.arrow({ from, label: 'next' }, box)
  return [{ from: box, label: 'done' }]
}

function drawUndo(pen: Pen, { task }: TaskItem, box: string): void {
  const parsed = parseTaskList(undoIn(task))
  if (!parsed.ok) return
  const { first } = drawList(pen, parsed.list, [])
  if (first !== null) pen.arrow({ from: box, label: 'undo' }, first, '-.->')
}

function shapeOf({ name, task }: TaskItem): string {
  const text = quote(`${name}<br/>${task.type === 'call' ? task.call : task.type}`)
  if (task.type === 'switch') return `{${text}}`
  if (task.type === 'listen' || task.type === 'wait') return `[/${text}/]`
  return task.type === 'raise' ? `>${text}]` : `[${text}]`
}

/** As Mermaid takes any text. */
function quote(text: string): string {
  return `"${text.replaceAll('"', '#quot;').replaceAll('|', '#124;')}"`
}

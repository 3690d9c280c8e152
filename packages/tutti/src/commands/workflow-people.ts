// tutti workflow tasks, answer: what waits for a person, and the answer, signed where it is asked for.

import { createHash } from 'node:crypto'
import { canonicalJson, signingPrefix } from '@tutti/core/resource'
import { signText } from '@tutti/ledger'
import type { Client } from '@tutti/sdk'
import type { Command } from 'commander'
import {
  approvalKey,
  clientOf,
  formatAge,
  formatTable,
  homeFolder,
  parseDocuments,
  print,
  printJson,
  readPrivateKey,
} from '../home/index.ts'
import { hintProject } from './hint-absent.ts'
import { type SharedOptions, withExamples, withShared } from './shared-options.ts'

interface AnswerOptions extends SharedOptions {
  readonly sign?: boolean
  readonly approvalKey?: string
}

export function addWorkflowPeople(group: Command): void {
  const tasks = withShared(group.command('tasks')).description('list what waits for a person')
  withExamples(tasks, 'tutti workflow tasks')
  tasks.action(async (options: SharedOptions) => {
    const client = clientOf(options)
    const items = await client.tasks()
    if (items.length === 0) await hintProject(client, options)
    if (options.json === true) return printJson(items)
    const rows = items.map(({ run, key, role, sinceMs, task }) => ({
      ...{ run, key, role: role ?? 'anybody', title: task.title ?? '' },
      age: formatAge(Date.now() - sinceMs),
    }))
    print(formatTable(['run', 'key', 'role', 'title', 'age'], rows))
  })
  const answer = withShared(group.command('answer'))
    .argument('<run>')
    .argument('<key>', 'as `tutti workflow tasks` shows it')
    .argument('<json>', 'the answer, as JSON or YAML')
    .option('--sign', 'sign the answer; default: where the task asks for it')
    .option('--approval-key <pem>', 'Ed25519 key; default: the one in the home folder')
    .description('answer a task')
  withExamples(answer, `tutti workflow answer RUN /do/1/decide '{"approved": true}'`)
  answer.action(async (run: string, key: string, text: string, options: AnswerOptions) => {
    const client = clientOf(options)
    const value = parseDocuments('the argument', text)[0]?.value
    const signed = await sign(client, { run, key, answer: value }, options)
    const said = await client.answerTask(run, key, value, signed)
    if (options.json === true) printJson(said)
    else print(`answered ${key}${signed === undefined ? '' : ', signed'}`)
  })
}

async function sign(
  client: Client,
  of: { readonly run: string; readonly key: string; readonly answer: unknown },
  options: AnswerOptions,
) {
  const task = (await client.tasks()).find(({ run, key }) => run === of.run && key === of.key)
  if (task === undefined || (options.sign !== true && task.task['signed'] !== true))
    return undefined
  const { principal } = await client.whoami()
  const asked = createHash('sha256').update(canonicalJson(task.task)).digest('hex')
  const by = `User::"${principal.id}"`
  const statement = canonicalJson({
    format: 'tutti/answer/v1',
    asked: `sha256:${asked}`,
    by,
    ...of,
  })
  const key =
    options.approvalKey === undefined
      ? approvalKey(homeFolder(options))
      : readPrivateKey(options.approvalKey)
  return { statement, signature: signText(key, signingPrefix.answer, statement) }
}

// Engine life
//
// One engine in a process of its own: it starts the run that it is told of, or goes on with it, and says how that ended;
// or it kills itself at a given write.

import { text } from 'node:stream/consumers'
import { openDatabase, openNews } from '@tutti/control-plane/workflow'
import type { Life } from './bench.ts'
import { actor, answerPeople, openEngine, requestOf } from './engine-bed.ts'
import { Wire } from './wire.ts'

const { folder, example, bed: parts, endAt }: Life = JSON.parse(await text(process.stdin))
const database = await openDatabase({ url: undefined, dataFolder: folder })
const news = await openNews(database)
const bed = { ...parts, sql: database.sql, news }
const end = () => process.kill(process.pid, 'SIGKILL')
const wire = new Wire(bed.sql, { endAt, end, afterWrite: () => answerPeople(bed, example) })
const engine = await openEngine(bed, example, { sql: wire.sql, act: actor(bed, null, []) })
const there = await bed.sql`select 1 from workflow_run where id = ${bed.id}`
if (there.length === 0) await engine.start(requestOf(bed, example))
await answerPeople(bed, example)
const outcome = await engine.outcomeOf(bed.id)
process.stdout.write(JSON.stringify({ outcome, writes: wire.writes }), () => process.exit(0))

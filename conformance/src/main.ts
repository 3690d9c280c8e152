// npm run conformance -- NAME: how Tutti does before outside judges. Without NAME it lists them.

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { magika } from './magika.ts'
import { merkle } from './merkle.ts'
import { models } from './models.ts'
import { oip } from './oip.ts'
import type { Score } from './score.ts'

interface Judge {
  readonly about: string
  readonly needs: string
  readonly run: (data: string) => Promise<Score>
}

const judges: Readonly<Record<string, Judge>> = {
  merkle: {
    about: 'proof vectors of transparency-dev/merkle',
    needs: 'ledger/testdata',
    run: merkle,
  },
  models: {
    about: 'public models give their published answers through the gateway',
    needs: 'models',
    run: models,
  },
  magika: {
    about: 'a real upgrade of google/magika over a fleet',
    needs: 'models/magika',
    run: magika,
  },
  oip: {
    about: 'Open Inference Protocol v2, REST, on a node and through the gateway',
    needs: 'models/triton-simple',
    run: oip,
  },
}

const [name] = process.argv.slice(2)
const judge = name === undefined ? undefined : judges[name]
if (name === undefined || judge === undefined) {
  if (name !== undefined) process.stderr.write(`there is no judge ${name}\n`)
  for (const [key, { about }] of Object.entries(judges))
    process.stdout.write(`${key.padEnd(8)} ${about}\n`)
  process.exitCode = name === undefined ? 0 : 1
} else {
  const data = resolve(process.env['TUTTI_CONFORMANCE_DATA'] ?? '../shared/data')
  if (!existsSync(resolve(data, judge.needs))) {
    process.stdout.write(`put the data into ${data} or name its folder in TUTTI_CONFORMANCE_DATA\n`)
    process.stdout.write(`${name}: skipped\n`)
  } else {
    const { passed, total, notes } = await judge.run(data)
    for (const note of notes) process.stdout.write(`  ${note}\n`)
    process.stdout.write(`${name}: ${passed}/${total}\n`)
    if (passed < total) process.exitCode = 1
  }
}

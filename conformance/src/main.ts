// npm run conformance -- NAME: how Tutti does before outside judges. Without NAME it lists them.

import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { clients } from './clients.ts'
import { clinc, clincData } from './clinc.ts'
import { crash } from './crash/index.ts'
import { dialects } from './dialects.ts'
import { examples } from './examples.ts'
import { catalogue, gatewayFaults } from './gateway-faults.ts'
import { jq, jqTests } from './jq.ts'
import { owsKit } from './kit/index.ts'
import { ownExtensions } from './kit/own-extensions.ts'
import { patterns } from './kit/patterns.ts'
import { magika } from './magika.ts'
import { merkle } from './merkle.ts'
import { models } from './models.ts'
import { oip, specification } from './oip.ts'
import { openaiSchema, schemaPath } from './openai-schema.ts'
import { ows, owsFeatures } from './ows.ts'
import type { Score } from './score.ts'
import { security } from './security/index.ts'

interface Judge {
  readonly about: string
  /** What must lie in the data folder; absent where the judge brings all that it needs. */
  readonly needs?: string
  /** The public project that it is copied from, unchanged. */
  readonly from?: string
  readonly run: (data: string) => Promise<Score>
}

const judges: Readonly<Record<string, Judge>> = {
  merkle: {
    about: 'proof vectors of transparency-dev/merkle',
    needs: 'ledger/testdata',
    from: 'testdata of github.com/transparency-dev/merkle',
    run: merkle,
  },
  models: {
    about: 'public models give their published answers through the gateway',
    needs: 'models/triton-simple',
    from: 'the models of wonnx, onnxruntime_go, mlcommons/tiny and triton-inference-server',
    run: models,
  },
  magika: {
    about: 'a real upgrade of google/magika over a fleet',
    needs: 'models/magika',
    from: 'assets/models and tests_data of github.com/google/magika',
    run: magika,
  },
  oip: {
    about: 'Open Inference Protocol v2, REST, on a node and through the gateway',
    needs: specification,
    from: 'specification of github.com/kserve/open-inference-protocol',
    run: oip,
  },
  clients: {
    about: "the vendors' own SDKs and the AI SDK and LangChain, over engines of all dialects",
    needs: '.',
    from: 'nowhere: it needs none',
    run: clients,
  },
  dialects: {
    about: 'every chat dialect in, every chat dialect out, whole and streamed',
    needs: '.',
    from: 'nowhere: it needs none',
    run: dialects,
  },
  'openai-schema': {
    about: "what is said in OpenAI's dialects is what OpenAI's API description says",
    needs: schemaPath,
    from: 'github.com/openai/openai-openapi, as JSON',
    run: openaiSchema,
  },
  'gateway-faults': {
    about: 'sixteen faults of engines, in two dialects, streaming and not',
    needs: catalogue,
    from: 'methodology v0.1 of github.com/failoverbench/failoverbench, condensed',
    run: gatewayFaults,
  },
  clinc: {
    about: 'one workflow trains on CLINC150, judges, and rolls out beside the model in use',
    needs: clincData,
    from: 'data of github.com/clinc/oos-eval',
    run: clinc,
  },
  jq: {
    about: "jq's own tests on the expressions of workflows",
    needs: jqTests,
    from: 'tests of github.com/jqlang/jq',
    run: jq,
  },
  ows: {
    about: "the Open Workflow Specification's conformance kit and examples",
    needs: owsFeatures,
    from: 'ctk and examples of github.com/open-workflow-specification/specification',
    run: ows,
  },
  'ows-kit': {
    about: "our own kit for the Open Workflow Specification's tasks and what its kit leaves out",
    run: owsKit,
  },
  'ows-extensions': {
    about: 'what we propose to the Open Workflow Specification: our own tasks and properties',
    run: ownExtensions,
  },
  crash: {
    about: 'processes killed at every write and in every state, and started again',
    run: crash,
  },
  examples: {
    about: 'workflows over real nodes: steps failed and repeated, engines killed at every append',
    run: examples,
  },
  patterns: {
    about: 'the 43 control-flow patterns of Russell et al. 2006, an example of each that runs',
    run: patterns,
  },
  security: {
    about: 'the field’s incidents as attacks on a real fleet',
    run: security,
  },
}

const [name] = process.argv.slice(2)
const judge = name === undefined ? undefined : judges[name]
if (name === undefined || judge === undefined) {
  if (name !== undefined) process.stderr.write(`there is no judge ${name}\n`)
  for (const [key, { about }] of Object.entries(judges))
    process.stdout.write(`${key.padEnd(15)} ${about}\n`)
  process.exitCode = name === undefined ? 0 : 1
} else {
  const repository = fileURLToPath(new URL('../..', import.meta.url))
  const data = resolve(repository, process.env['TUTTI_CONFORMANCE_DATA'] ?? '../shared/data')
  if (judge.needs !== undefined && !existsSync(resolve(data, judge.needs))) {
    const where = `${judge.needs} is not in ${data} (TUTTI_CONFORMANCE_DATA names another folder)`
    process.stdout.write(`${where}: copy it from ${judge.from}\n`)
    process.stdout.write(`${name}: skipped\n`)
  } else {
    const { passed, total, notes } = await judge.run(data)
    for (const note of notes) process.stdout.write(`  ${note}\n`)
    process.stdout.write(`${name}: ${passed}/${total}\n`)
    if (passed < total) process.exitCode = 1
  }
}

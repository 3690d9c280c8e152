// The command line of the model maker: `node examples/dist/models/main.js OUT`.

import { makeModels } from './make-models.ts'

const [outFolder] = process.argv.slice(2)
if (outFolder === undefined) {
  console.error('usage: node examples/dist/models/main.js OUT')
  process.exitCode = 2
} else {
  for (const { folder, spec } of await makeModels(outFolder)) {
    const names = spec.variants.map((variant) => variant.name).join(', ')
    console.log(`${folder}: ${spec.model}:${spec.version} (${names})`)
  }
}

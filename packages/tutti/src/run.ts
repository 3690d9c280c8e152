import { describeError } from './failure.ts'
import { heedProxies, heedReaders } from './home/index.ts'
import { makeProgram } from './program.ts'

heedReaders()
try {
  await heedProxies(process.argv[2])
  const program = await makeProgram(process.argv[2])
  await program.parseAsync()
} catch (error) {
  const text = describeError(error)
  // What was started beside what failed would keep the process, and its supervisor from starting it anew.
  const end = () => process.exit(1)
  process.stderr.write(`tutti: ${text}\n`, () => {
    if (process.send === undefined) return end()
    process.once('disconnect', end) // nobody hears it
    process.send({ failed: text }, end)
  })
}

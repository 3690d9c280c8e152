// ONNX thread
//
// The entry of a worker thread that holds one ONNX session and runs one request after the other. run()
// blocks its thread, so nothing else may live here. A session gives little memory back; ending the thread
// does. Two things that no thread can contain: native memory (`resourceLimits` bound V8's heap only), and a
// model that makes ONNX Runtime call abort(), which takes the whole process with it. The probe before
// activation, and a supervisor that restarts the node, are what stands against those.

import { performance } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import type { InferenceSession } from 'onnxruntime-web'
import { assert } from '../assert.ts'
import { messageOf } from '../failure.ts'
import { fromOrt, importOrt, type Ort, signatureOfSession, toOrt } from './onnx-runtime.ts'
import type { Tensor } from './tensor.ts'
import type { FromThread, ThreadOptions, ToThread } from './thread-message.ts'

const port = parentPort
assert(port !== null, 'this file is the entry of a worker thread')
await serve(workerData)

async function serve(options: ThreadOptions): Promise<void> {
  const loaded = await load(options)
  if (loaded === null) return
  let turn = Promise.resolve()
  port?.on('messageerror', (error) => {
    throw error
  })
  port?.on('message', (request: ToThread) => {
    turn = turn.then(async () => send(await answer(loaded.ort, loaded.session, request)))
  })
}

async function load(
  options: ThreadOptions,
): Promise<{ readonly ort: Ort; readonly session: InferenceSession } | null> {
  try {
    const ort = await importOrt(options)
    const session = await ort.createSession(options)
    send({ kind: 'loaded', runtime: ort.kind, signature: signatureOfSession(session) })
    return { ort, session }
  } catch (thrown) {
    send({ kind: 'load-failed', message: messageOf(thrown) })
    return null
  }
}

async function answer(ort: Ort, session: InferenceSession, request: ToThread): Promise<FromThread> {
  const { id } = request
  try {
    const feeds = Object.fromEntries(request.inputs.map((input) => [input.name, toOrt(ort, input)]))
    const startedMs = performance.now()
    const results = await ort.within(() => session.run(feeds, request.outputs))
    const runMicros = (performance.now() - startedMs) * 1_000
    return { kind: 'answer', id, runMicros, outputs: outputsOf(request.outputs, results) }
  } catch (thrown) {
    return { kind: 'run-failed', id, message: messageOf(thrown) }
  }
}

function outputsOf(
  names: readonly string[],
  results: InferenceSession.OnnxValueMapType,
): readonly Tensor[] {
  return names.map((name) => {
    const result = results[name]
    if (result === undefined) throw new Error(`the model returned no output '${name}'`)
    return fromOrt(name, result)
  })
}

function send(message: FromThread): void {
  const buffers =
    message.kind === 'answer' ? message.outputs.flatMap((output) => bufferOf(output)) : []
  port?.postMessage(message, buffers)
}

function bufferOf({ data }: Tensor): ArrayBuffer[] {
  return 'buffer' in data && data.buffer instanceof ArrayBuffer ? [data.buffer] : []
}

// Workshop worker
//
// Trains one model in a thread of its own: a training takes seconds, in which whoever ordered it wants to be answered.

import { parentPort, workerData } from 'node:worker_threads'
import { make, order } from './recipes.ts'

const { given, parent, clinc } = workerData
parentPort?.postMessage(await make(order.parse(given), { parent, clinc }))

// Bodies
//
// What each task type does.

import type { TaskType } from '../document/index.ts'
import { runCall } from './run-call.ts'
import { runFor } from './run-for.ts'
import { runFork } from './run-fork.ts'
import { runListen } from './run-listen.ts'
import { runProcess } from './run-process.ts'
import { runDo, runEmit, runRaise, runSet, runSwitch, runWait } from './run-simple.ts'
import { runTry } from './run-try.ts'
import type { Body } from './stage.ts'

export const bodies: Readonly<Record<TaskType, Body>> = {
  call: runCall,
  do: runDo,
  emit: runEmit,
  for: runFor,
  fork: runFork,
  listen: runListen,
  raise: runRaise,
  run: runProcess,
  set: runSet,
  switch: runSwitch,
  try: runTry,
  wait: runWait,
}

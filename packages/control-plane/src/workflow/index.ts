export { type ActContext, ActFailed } from './act.ts'
export { Engine, EngineBusy, type EnginePorts, Later, type StartRequest } from './engine.ts'

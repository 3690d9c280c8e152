export {
  type AllOutputs,
  type Compilation,
  compileJq,
  type Evaluation,
  type Expression,
  evaluateAllJq,
  evaluateJq,
  type Given,
} from './jq.ts'
export { readJson, writeJson } from './json-text.ts'
export { type Budget, defaultBudget } from './run.ts'

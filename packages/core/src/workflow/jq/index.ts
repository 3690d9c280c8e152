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
export { BudgetExceeded } from './jq-error.ts'
export { readJson, writeJson } from './json-text.ts'
export { type Budget, defaultBudget, Run } from './run.ts'

export {
  type AllOutputs,
  type Budget,
  type Compilation,
  compileJq,
  defaultBudget,
  type Evaluation,
  type Expression,
  evaluateAllJq,
  evaluateJq,
  type Given,
  readJson,
  writeJson,
} from './jq/index.ts'

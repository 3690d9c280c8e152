export { drawWorkflow } from './draw-workflow.ts'

export { crash, crashModel, crashNode, crashPlane } from './crash.ts'

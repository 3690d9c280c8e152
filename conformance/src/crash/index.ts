export { crash, crashNode, crashPlane } from './crash.ts'

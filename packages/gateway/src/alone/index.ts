export { type FilePlane, type FilePlaneOptions, startFilePlane } from './file-plane.ts'

export { type Outline, outlineOf, type Span } from './outline.ts'

export { runStory, type StoryCommand, type StoryTeller, tellStory } from './story.ts'

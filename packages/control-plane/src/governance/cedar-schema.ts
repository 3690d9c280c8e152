// Cedar schema
//
// The words that policies may use: who acts, what can be done, on what, and what is known about it. A
// policy that uses any other word is refused when it is written.

import { changeAction } from '@tutti/core/governance'
import { kindNames, kinds } from '@tutti/core/resource'

/** Things that policies govern besides changes. */
export const accessActions = ['read', 'infer', 'inspect', 'serve', 'admit', 'run'] as const
export type AccessAction = (typeof accessActions)[number]

const context = `type Context = {
  // How many others have signed this very change, and their names.
  approvals: Long,
  approvers: Set<String>,
  // The environment of the Deployment that is changed, or whose Rollout takes a step; "" for others.
  environment: String,
  // Model and Deployment: whether one of the project's publishers signed the model.
  signature: { verified: Bool, reason: String },
  // infer: asked once more for each thing that the guard of a Route can find in a request (side "input")
  // or an answer ("output"): may it pass in this way, "allow" (as it is) or "redact" (taken out)?
  finding?: { kind: String, side: String, action: String },
  // create, update and run of a Workflow: what it may reach ("*": only an expression knows), and what
  // its agents may cost in millionths of a dollar (absent: nothing bounds it).
  plan?: {
    routes: Set<String>, hosts: Set<String>, tools: Set<String>, workflows: Set<String>,
    processes: Set<String>, roles: Set<String>, assetsNeeded: Set<String>,
    assetsMade: Set<String>, costMicrosMax?: Long,
  },
};`

const resources = kindNames.map((kind) => {
  const parent = kinds[kind].scope === 'project' ? 'in [Project] ' : ''
  return `entity ${kind} ${parent}= { name: String, project: String } tags String;`
})

/** The schema in Cedar's own syntax. */
export const cedarSchema = [
  'entity Role;',
  // The project of the key that the user came with.
  'entity User in [Role] = { name: String, project: String };',
  'entity Automation in [Role];',
  ...resources,
  context,
  `action ${[...changeAction.options, ...accessActions].map((action) => `"${action}"`).join(', ')}`,
  'appliesTo {',
  '  principal: [User, Automation, Node],',
  `  resource: [${kindNames.join(', ')}],`,
  '  context: Context,',
  '};',
].join('\n')

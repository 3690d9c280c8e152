// Built-in policies
//
// Written as Policy resources on the first start, so that they are read, changed and recorded like any
// other. Nothing is permitted that no policy permits.

export const builtInPolicies: Readonly<Record<string, { description: string; cedar: string }>> = {
  roles: {
    description:
      'What the built-in roles may do. A key of the role gateway is for gateways alone: it reads ' +
      'the routes and the providers’ credentials of all projects.',
    cedar: `@id("admins-may-do-all")
permit(principal in Role::"admin", action, resource);

@id("operators-run-the-fleet")
permit(
  principal in Role::"operator",
  action in [
    Action::"create", Action::"update", Action::"delete", Action::"read",
    Action::"admit", Action::"join", Action::"run"
  ],
  resource
) unless {
  resource is Policy || resource is Key || resource is Project || resource is Approval
};

@id("viewers-may-read")
permit(principal in Role::"viewer", action == Action::"read", resource);

@id("operators-see-governance")
permit(principal in Role::"operator", action == Action::"read", resource);

@id("approvers-may-approve")
permit(principal in Role::"approver", action in [Action::"approve", Action::"read"], resource);

@id("callers-may-infer")
permit(principal in Role::"caller", action == Action::"infer", resource);

@id("gateways-serve-all-projects")
permit(principal in Role::"gateway", action == Action::"serve", resource is Route);

@id("automation-acts-for-what-was-declared")
permit(
  principal is Automation,
  action in [Action::"create", Action::"advance", Action::"revert"],
  resource is Rollout
);
`,
  },
  projects: {
    description: 'A project is a fence: its resources are reached with its own keys, or by admins.',
    cedar: `@id("projects-are-fences")
@reason("the key belongs to another project")
@fix("use a key of the resource's own project")
forbid(principal is User, action, resource)
when { resource.project != "" && resource.project != principal.project }
unless { principal in Role::"admin" };
`,
  },
  'automation-never-approves': {
    description: 'Automation is bound by the same policies and can never approve.',
    cedar: `@id("automation-never-approves")
@reason("automation may not approve changes")
@fix("a person with the role approver must sign")
forbid(principal is Automation, action == Action::"approve", resource);
`,
  },
  'signed-models': {
    description: 'Only models that a trusted publisher signed may be deployed.',
    cedar: `@id("signed-models-only")
@reason("no publisher that the project trusts has signed this model")
@fix("push it with a signature (tutti model push) by a publisher of the Project")
forbid(
  principal,
  action in [Action::"create", Action::"update"],
  resource is Deployment
) unless { context.signature.verified };
`,
  },
  'production-approval': {
    description: 'A change of production waits for the word of a second person.',
    cedar: `@id("production-needs-a-second-person")
@reason("a change of a production deployment needs the signed approval of somebody else")
@fix("ask a person with the role approver to run: tutti approve NAME")
@approvals("1")
forbid(
  principal is User,
  action in [Action::"create", Action::"update", Action::"delete"],
  resource is Deployment
) when { context.environment == "production" } unless { context.approvals >= 1 };
`,
  },
}

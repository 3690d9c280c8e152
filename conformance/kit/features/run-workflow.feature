Feature: Run workflow
  Workflows that run others.

  Scenario: The output of the other is the output of the task
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: child
      version: '1.0.0'
    do:
      - double: { set: { n: '${ .n * 2 }' } }
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-output-of-the-other-is-the-output-of-the-task
      version: '1.0.0'
    do:
      - sub: { run: { workflow: { namespace: kit, name: child, version: '1.0.0', input: { n: '${ .v }' } } } }
    """
    And given the workflow input is:
    """yaml
    { v: 4 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 8 }
    """

  Scenario: Latest takes the newest version
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: child
      version: '1.0.0'
    do:
      - double: { set: { n: '${ .n * 2 }' } }
    """
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: child
      version: '1.1.0'
    do:
      - say: { set: { is: new } }
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: latest-takes-the-newest-version
      version: '1.0.0'
    do:
      - sub: { run: { workflow: { namespace: kit, name: child, version: latest, input: { n: 1 } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { is: new }
    """

  Scenario: An error of the other is an error of the task
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: failing
      version: '1.0.0'
    do:
      - fail: { raise: { error: { type: 'https://kit.example/e', status: 418, title: e } } }
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-error-of-the-other-is-an-error-of-the-task
      version: '1.0.0'
    do:
      - attempt:
          try: [ { sub: { run: { workflow: { namespace: kit, name: failing, version: '1.0.0', input: {} } } } } ]
          catch: { errors: { with: { status: 418 } }, do: [ { handle: { set: { caught: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { caught: true }
    """

  Scenario: What is not awaited goes on by itself
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: slow
      version: '1.0.0'
    do:
      - nap: { wait: { milliseconds: 5 } }
      - tell: { call: http, with: { method: post, endpoint: 'http://kit.example/done' } }
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: what-is-not-awaited-goes-on-by-itself
      version: '1.0.0'
    do:
      - sub: { run: { await: false, workflow: { namespace: kit, name: slow, version: '1.0.0', input: { v: 1 } } } }
      - after: { set: { went: on } }
    """
    And given 'POST http://kit.example/done' answers:
    """yaml
    body: {}
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { went: on }
    """

  Scenario: A workflow that nobody has declared is an error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-workflow-that-nobody-has-declared-is-an-error
      version: '1.0.0'
    do:
      - sub: { run: { workflow: { namespace: kit, name: nobody, version: '1.0.0', input: {} } } }
    """
    When the workflow is executed
    Then the workflow should fault

  Scenario: Workflows run workflows that run workflows
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: child
      version: '1.0.0'
    do:
      - double: { set: { n: '${ .n * 2 }' } }
    """
    Given a workflow is registered with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: middle
      version: '1.0.0'
    do:
      - down: { run: { workflow: { namespace: kit, name: child, version: '1.0.0', input: { n: '${ .n }' } } } }
    """
    And a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: workflows-run-workflows-that-run-workflows
      version: '1.0.0'
    do:
      - sub: { run: { workflow: { namespace: kit, name: middle, version: '1.0.0', input: { n: 1 } } } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """

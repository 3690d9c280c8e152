@extension
Feature: Human
  `call: tutti.human`: somebody of a role fills in a form, in time or somebody else does.

  Scenario: A task waits for somebody of its role, and his answer is its output
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-task-waits-for-somebody-of-its-role-and-his-an
      version: '1.0.0'
    do:
      - decide: { call: tutti.human, with: { title: 'Refund?', assignee: { role: clerk } } }
      - said: { set: { yes: '${ .answer.yes }' } }
    """
    When the workflow is executed
    Then the workflow should wait
    And the task 'decide' should wait for the role 'clerk'
    When the task 'decide' is answered with:
    """yaml
    { yes: true }
    """
    Then the workflow should complete with output:
    """yaml
    { yes: true }
    """

  Scenario: An answer that does not fit the form is a validation error
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-answer-that-does-not-fit-the-form-is-a-valida
      version: '1.0.0'
    do:
      - decide: { call: tutti.human, with: { title: 'Refund?', assignee: { role: clerk }, form: { type: object, required: [ yes ], properties: { yes: { type: boolean } } } } }
    """
    When the workflow is executed
    When the task 'decide' is answered with:
    """yaml
    { yes: perhaps }
    """
    Then the workflow should fault with error:
    """yaml
    { status: 400 }
    """

  Scenario: A deadline that nobody meets is a timeout that can be caught
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-deadline-that-nobody-meets-is-a-timeout-that-c
      version: '1.0.0'
    do:
      - attempt:
          try: [ { decide: { call: tutti.human, with: { title: 'Refund?', assignee: { role: clerk }, deadline: { milliseconds: 30 } } } } ]
          catch: { errors: { with: { status: 408 } }, do: [ { late: { set: { late: true } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { late: true }
    """

  Scenario: Who does not answer in time is asked no more, the next role is
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: who-does-not-answer-in-time-is-asked-no-more-the
      version: '1.0.0'
    do:
      - decide: { call: tutti.human, with: { title: 'Refund?', assignee: { role: clerk }, escalation: [ { after: { milliseconds: 30 }, role: manager } ] } }
      - said: { set: { by: '${ .answer.by }' } }
    """
    When the workflow is executed
    Then the task 'decide' should wait for the role 'manager'
    When the task 'decide' is answered with:
    """yaml
    { by: manager }
    """
    Then the workflow should complete with output:
    """yaml
    { by: manager }
    """

  Scenario: Deadline and escalation stand together: the deadline is that of all roles
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: deadline-and-escalation-stand-together-the-deadl
      version: '1.0.0'
    do:
      - decide: { call: tutti.human, with: { title: 'Refund?', assignee: { role: clerk }, deadline: { milliseconds: 90 }, escalation: [ { after: { milliseconds: 30 }, role: manager } ] } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    { status: 408 }
    """

  Scenario: What a person is asked outlives a restart
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: what-a-person-is-asked-outlives-a-restart
      version: '1.0.0'
    do:
      - decide: { call: tutti.human, with: { title: 'Refund?', assignee: { role: clerk } } }
      - said: { set: { yes: '${ .answer.yes }' } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the runtime is restarted
    Then the task 'decide' should wait for the role 'clerk'
    When the task 'decide' is answered with:
    """yaml
    { yes: false }
    """
    Then the workflow should complete with output:
    """yaml
    { yes: false }
    """

  Scenario: A workflow that waits for a person is cancelled
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-workflow-that-waits-for-a-person-is-cancelled
      version: '1.0.0'
    do:
      - decide: { call: tutti.human, with: { title: 'Refund?', assignee: { role: clerk } } }
      - never: { set: { n: 1 } }
    """
    When the workflow is executed
    Then the workflow should wait
    When the workflow is cancelled
    Then the workflow should be cancelled
    And never should not run

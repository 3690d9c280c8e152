Feature: Flow directives
  Where a task goes on: `then` names it.

  Scenario: Then end ends the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: then-end-ends-the-workflow
      version: '1.0.0'
    do:
      - one: { set: { n: 1 }, then: end }
      - two: { set: { n: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """
    And two should not run

  Scenario: Then end in a nested list ends the whole workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: then-end-in-a-nested-list-ends-the-whole-workflow
      version: '1.0.0'
    do:
      - outer:
          do:
            - one: { set: { n: 1 }, then: end }
      - two: { set: { n: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 1 }
    """
    And two should not run

  Scenario: Then exit leaves the list that the task is in
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: then-exit-leaves-the-list-that-the-task-is-in
      version: '1.0.0'
    do:
      - outer:
          do:
            - one: { set: { n: 1 }, then: exit }
            - never: { set: { n: 9 } }
      - two: { set: { n: '${ .n + 1 }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """
    And never should not run

  Scenario: Then continue goes on with the next task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: then-continue-goes-on-with-the-next-task
      version: '1.0.0'
    do:
      - one: { set: { n: 1 }, then: continue }
      - two: { set: { n: '${ .n + 1 }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """

  Scenario: Then with a name goes to that task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: then-with-a-name-goes-to-that-task
      version: '1.0.0'
    do:
      - one: { set: { n: 1 }, then: three }
      - two: { set: { n: 9 } }
      - three: { set: { n: '${ .n + 1 }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """
    And two should not run

  Scenario: A loop backwards ends where a condition says so
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-loop-backwards-ends-where-a-condition-says-so
      version: '1.0.0'
    do:
      - start: { set: { n: 0 } }
      - count: { set: { n: '${ .n + 1 }' } }
      - again:
          switch:
            - more: { when: '${ .n < 4 }', then: count }
            - done: { then: end }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 4 }
    """
    And count should run 4 times

  Scenario: A then of a task that is skipped is not followed
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-then-of-a-task-that-is-skipped-is-not-followed
      version: '1.0.0'
    do:
      - one: { if: '${ false }', set: { n: 1 }, then: end }
      - two: { set: { n: 2 } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 2 }
    """

  Scenario: A then that names no task is refused
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-then-that-names-no-task-is-refused
      version: '1.0.0'
    do:
      - one: { set: { n: 1 }, then: nowhere }
    """
    Then the workflow should be refused

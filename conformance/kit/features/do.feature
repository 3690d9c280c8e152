Feature: Do
  Tasks one after the other, each with the output of the one before.

  Scenario: The input of the first task is the workflow input
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-input-of-the-first-task-is-the-workflow-input
      version: '1.0.0'
    do:
      - see: { set: { seen: '${ . }' } }
    """
    And given the workflow input is:
    """yaml
    { a: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { seen: { a: 1 } }
    """

  Scenario: Each task gets the output of the one before
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: each-task-gets-the-output-of-the-one-before
      version: '1.0.0'
    do:
      - one: { set: { n: '${ .n + 1 }' } }
      - two: { set: { n: '${ .n * 10 }' } }
    """
    And given the workflow input is:
    """yaml
    { n: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 20 }
    """

  Scenario: A nested list is one task
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-nested-list-is-one-task
      version: '1.0.0'
    do:
      - outer:
          do:
            - inner1: { set: { n: 1 } }
            - inner2: { set: { n: '${ .n + 1 }' } }
      - after: { set: { n: '${ .n + 1 }' } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { n: 3 }
    """
    And inner1 should run after outer
    And after should run last

  Scenario: A task whose if is false leaves its input as it is
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-task-whose-if-is-false-leaves-its-input-as-it-is
      version: '1.0.0'
    do:
      - skipped: { if: '${ .a > 1 }', set: { a: 9 } }
    """
    And given the workflow input is:
    """yaml
    { a: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { a: 1 }
    """
    And skipped should not run

  Scenario Outline: An if of <condition> lets the task <run>
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-if-of-x-lets-the-task-x
      version: '1.0.0'
    do:
      - maybe: { if: '<condition>', set: { ran: true } }
    """
    And given the workflow input is:
    """yaml
    { a: 1 }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    <output>
    """

    Examples:
      | condition          | run  | output        |
      | ${ .a == 1 }       | run  | { ran: true } |
      | ${ .a == 2 }       | rest | { a: 1 }      |
      | .a == 1            | run  | { ran: true } |
      | ${ .none == null } | run  | { ran: true } |

  Scenario: Nested lists go to any depth
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: nested-lists-go-to-any-depth
      version: '1.0.0'
    do:
      - a: { do: [ { b: { do: [ { c: { do: [ { d: { set: { deep: true } } } ] } } ] } } ] }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { deep: true }
    """

Feature: Raise
  Errors that a document raises itself.

  Scenario: An inline error ends the workflow
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-inline-error-ends-the-workflow
      version: '1.0.0'
    do:
      - fail:
          raise:
            error:
              type: https://kit.example/errors/stock
              status: 409
              title: Out of stock
              detail: There is none left
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://kit.example/errors/stock
    status: 409
    title: Out of stock
    detail: There is none left
    instance: /do/0/fail
    """

  Scenario: An error is raised by its name in use
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-error-is-raised-by-its-name-in-use
      version: '1.0.0'
    use:
      errors:
        stock: { type: 'https://kit.example/errors/stock', status: 409, title: Out of stock }
    do:
      - fail: { raise: { error: stock } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://kit.example/errors/stock
    status: 409
    """

  Scenario: Detail and title may be expressions
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: detail-and-title-may-be-expressions
      version: '1.0.0'
    do:
      - fail:
          raise:
            error:
              type: https://kit.example/errors/stock
              status: 409
              title: '${ "No " + .what }'
              detail: '${ "asked for \(.what)" }'
    """
    And given the workflow input is:
    """yaml
    { what: bread }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    title: No bread
    detail: asked for bread
    """

  Scenario Outline: A standard error of kind <kind> has status <status>
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-standard-error-of-kind-x-has-status-x
      version: '1.0.0'
    do:
      - fail:
          raise:
            error:
              type: https://open-workflow-specification.org/dsl/errors/types/<kind>
              status: <status>
              title: <kind>
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    type: https://open-workflow-specification.org/dsl/errors/types/<kind>
    status: <status>
    title: <kind>
    """

    Examples:
      | kind           | status |
      | configuration  | 400    |
      | validation     | 400    |
      | expression     | 400    |
      | authentication | 401    |
      | authorization  | 403    |
      | timeout        | 408    |
      | communication  | 500    |
      | runtime        | 500    |

  Scenario: What comes after a raise does not run
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: what-comes-after-a-raise-does-not-run
      version: '1.0.0'
    do:
      - fail: { raise: { error: { type: 'https://kit.example/e', status: 400, title: e } } }
      - after: { set: { n: 1 } }
    """
    When the workflow is executed
    Then the workflow should fault
    And after should not run

  Scenario: The instance points to the task inside nested lists
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-instance-points-to-the-task-inside-nested-list
      version: '1.0.0'
    do:
      - outer:
          do:
            - first: { set: { n: 1 } }
            - fail: { raise: { error: { type: 'https://kit.example/e', status: 400, title: e } } }
    """
    When the workflow is executed
    Then the workflow should fault with error:
    """yaml
    instance: /do/0/outer/do/1/fail
    """

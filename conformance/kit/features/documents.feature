Feature: Documents
  What is no workflow.

  Scenario Outline: A document is refused for <reason>
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: a-document-is-refused-for-x
      version: '1.0.0'
    do:
      - one: <task>
    """
    Then the workflow should be refused

    Examples:
      | reason                            | task                                                     |
      | a task of no kind                 | { nonsense: 1 }                                          |
      | a task of two kinds               | { set: { a: 1 }, wait: PT1S }                            |
      | an expression that cannot be read | { set: { a: '${ .a + }' } }                              |
      | an HTTP call without a method     | { call: http, with: { endpoint: 'http://kit.example' } } |
      | a loop without a list             | { for: { each: x }, do: [ { a: { set: { n: 1 } } } ] }   |
      | a try without a catch             | { try: [ { a: { set: { n: 1 } } } ] }                    |
      | a duration that is none           | { wait: soon }                                           |

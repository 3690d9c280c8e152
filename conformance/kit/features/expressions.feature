Feature: Runtime expressions
  jq, as the specification asks of every runtime.

  Scenario Outline: The expression <expression> gives <result>
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: the-expression-x-gives-x
      version: '1.0.0'
    do:
      - calculate: { set: { v: '${ <expression> }' } }
    """
    And given the workflow input is:
    """yaml
    { a: 1, list: [3, 1, 2], text: Hello, deep: { b: [ { c: 5 } ] } }
    """
    When the workflow is executed
    Then the workflow should complete with output:
    """yaml
    { v: <result> }
    """

    Examples:
      | expression                            | result       |
      | .a                                    | 1            |
      | .none                                 | null         |
      | .deep.b[0].c                          | 5            |
      | .list \| length                       | 3            |
      | .list \| sort                         | [1, 2, 3]    |
      | .list \| map(. * 2)                   | [6, 2, 4]    |
      | [.list[] \| select(. > 1)]            | [3, 2]       |
      | .text \| ascii_downcase               | hello        |
      | .text + "!"                           | Hello!       |
      | .none // "default"                    | default      |
      | if .a == 1 then "one" else "many" end | one          |
      | .list \| add                          | 6            |
      | .list \| max                          | 3            |
      | { (.text): .a }                       | { Hello: 1 } |
      | [.list[] as $x \| $x + 1]             | [4, 2, 3]    |
      | reduce .list[] as $x (0; . + $x)      | 6            |
      | .text \| test("^H")                   | true         |
      | .text \| split("l")                   | [He, "", o]  |
      | .deep \| keys                         | [b]          |
      | try error("x") catch "caught"         | caught       |
      | [limit(2; .list[])]                   | [3, 1]       |
      | .list \| index(1)                     | 1            |
      | "\\(.a) and \\(.text)"                | 1 and Hello  |
      | .deep \| has("b")                     | true         |
      | [paths] \| length                     | 10           |
      | .list \| tostring                     | "[3,1,2]"    |
      | .a as $x \| [$x, $x]                  | [1, 1]       |
      | .list \| any(. > 2)                   | true         |
      | .list \| first                        | 3            |
      | [range(3)]                            | [0, 1, 2]    |

  Scenario: An expression that gives nothing is an error or null, never a hang
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-expression-that-gives-nothing-is-an-error-or-nu
      version: '1.0.0'
    do:
      - try1:
          try: [ { calculate: { set: { v: '${ empty }' } } } ]
          catch: { do: [ { handled: { set: { v: null } } } ] }
    """
    When the workflow is executed
    Then the workflow should complete

  Scenario: An expression cannot name what is not there
    Given a workflow with definition:
    """yaml
    document:
      dsl: '1.0.3'
      namespace: kit
      name: an-expression-cannot-name-what-is-not-there
      version: '1.0.0'
    do:
      - calculate: { set: { v: '${ $nobody }' } }
    """
    Then the workflow should be refused

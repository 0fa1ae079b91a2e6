"""Pages of registered things: the SQL that reads one, of areas, routes and zones."""

MAX_PAGE = 1000
"""Things per page."""

PAGE_VERTICES = 250_000
"""Vertices per page, at about 40 bytes each; the outline or line that exceeds it is still included."""


def page_statement(
    table: str, fields: str, criteria: str, *, joins: str = "", key: str = "id", way: str = "asc"
) -> str:
    """Return the statement that reads a page.

    Its $1 is the id before the first one, its $2 the number of rows at most. Each row also has `sort_key`,
    and `found`, which is larger than the number of rows where there are more: it looks for one more than
    asked for.

    Args:
        table: Which has columns `id` and `vertices`.
        fields: The columns of a row, as a select list.
        criteria: What a row has to be, as a condition whose values are $3 and further ones.
        joins: Of the table.
        key: The expression by which rows are sorted; those that are equal stand in order of id.
        way: asc or desc, of both.
    """
    ordered = f"sort_key {way}, id {way}"
    return f"""
        select {fields}, sort_key, found from (
            select *, count(*) over () as found,
                sum(vertices) over (order by {ordered}) - vertices as vertices_before
            from (
                select {table}.*, {key} as sort_key from {table} {joins}
                where id > $1 and {criteria}
                order by {key} {way}, id {way} limit $2 + 1
            ) candidate
        ) counted
        where vertices_before < {PAGE_VERTICES}
        order by {ordered} limit $2
    """

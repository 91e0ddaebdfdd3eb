"""A tool server: any program that speaks the Model Context Protocol will do."""

from mcp.server.mcpserver import MCPServer

server = MCPServer("warehouse")


@server.tool()
def stock(article: str) -> str:
    """Tell how many of an article there are."""
    return f"{len(article)} pieces"


if __name__ == "__main__":
    server.run("stdio")

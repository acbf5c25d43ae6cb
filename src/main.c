/* main - nothing else: tests link everything but this file. */
#include "cli.h"

int main(int argc, char **argv)
{
    return cli_run(argc, argv);
}

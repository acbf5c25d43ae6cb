/* main - process set-up: nothing else. */
#include "base/err.h"

int main(void)
{
    return 0;
}

#include "stream/lexer.h"

enum { TAG_CEILING = 1 << 20, BODY_CEILING = 4 << 20 };

enum state {
    TOP,
    WORD,
    DOLLAR, /* behind `$`: a tag, a parameter, or nothing special */
    DOLLAR_BODY,
    STRING,      /* '…' */
    STRING_END,  /* behind a quote: the end, or the first of two */
    ESCAPED,     /* E'…' */
    ESCAPED_ANY, /* behind a backslash in it */
    ESCAPED_END,
    ESCAPED_GAP, /* behind a newline behind E'…': another quote continues the same string */
    QUOTED,      /* "…" */
    QUOTED_END,
    DASH,
    SLASH,
    LINE_COMMENT,
    BLOCK,
    BLOCK_STAR,
    BLOCK_SLASH,
    META,
    STATE_COUNT
};

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c >= 0x80;
}

static char upper(unsigned char c)
{
    return (char)(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
}

/* memchr that answers with a length: all of it when c is not there. */
static size_t length_to(const unsigned char *data, size_t size, int c)
{
    const unsigned char *found = memchr(data, c, size);
    return found != NULL ? (size_t)(found - data) : size;
}

static void head_add(struct lexer *lexer, char c)
{
    if (lexer->head_size < LEXER_HEAD_SIZE - 1)
        lexer->head[lexer->head_size++] = c;
}

static void begin_token(struct lexer *lexer)
{
    if (lexer->head_size > 0 && !lexer->head_joins)
        head_add(lexer, ' ');
    lexer->head_joins = false;
    lexer->in_statement = true;
    lexer->after_begin = false;
    lexer->word_size = 0;
}

static void line_add(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t room = LEXER_LINE_SIZE - 1 - lexer->line_size;

    if (size > room)
        size = room;
    memcpy(lexer->line + lexer->line_size, data, size);
    lexer->line_size += size;
    lexer->line[lexer->line_size] = '\0';
}

/* A state for what follows a token that is complete: the byte is looked at again there. */
static size_t leave(struct lexer *lexer, enum state state)
{
    lexer->state = state;
    return 0;
}

static size_t enter(struct lexer *lexer, enum state state)
{
    lexer->state = state;
    return 1;
}

/* Consumes one byte, which ends something. */
static size_t report(struct lexer *lexer, enum lexer_event event)
{
    lexer->event = event;
    return enter(lexer, TOP);
}

static bool head_creates_routine(const struct lexer *lexer)
{
    static const char *const patterns[] = {
        "CREATE FUNCTION",
        "CREATE PROCEDURE",
        "CREATE OR REPLACE FUNCTION",
        "CREATE OR REPLACE PROCEDURE",
    };

    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        if (lexer_head_matches(lexer, patterns[i]))
            return true;
    }
    return false;
}

static bool word_is(const struct lexer *lexer, const char *word)
{
    return lexer->word_size == strlen(word) &&
           memcmp(lexer->word, word, lexer->word_size) == 0;
}

static void end_word(struct lexer *lexer)
{
    bool after_begin = lexer->after_begin;

    lexer->after_begin = false;
    if (lexer->head_size == 4 && word_is(lexer, "COPY"))
        lexer->in_copy = true;
    if (lexer->parens > 0)
        return;
    /* psql counts every BEGIN; a column of that name, which pg_dump writes bare, would
     * swallow the rest of the dump. ATOMIC tells them apart. */
    if (word_is(lexer, "BEGIN"))
        lexer->after_begin = true;
    else if (after_begin && lexer->begins == 0 && word_is(lexer, "ATOMIC") &&
             head_creates_routine(lexer))
        lexer->begins = 1;
    else if (lexer->begins > 0 && word_is(lexer, "CASE"))
        lexer->begins++;
    else if (lexer->begins > 0 && word_is(lexer, "END"))
        lexer->begins--;
}

static void add_word(struct lexer *lexer, const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        head_add(lexer, upper(data[i]));
        if (lexer->word_size < LEXER_WORD_SIZE)
            lexer->word[lexer->word_size++] = upper(data[i]);
    }
}

/* One byte that is a token by itself. */
static size_t punctuation(struct lexer *lexer, unsigned char c)
{
    if (c == '.') {
        lexer->head_joins = true;
        lexer->in_statement = true;
        lexer->after_begin = false;
        head_add(lexer, '.');
        return enter(lexer, TOP);
    }
    begin_token(lexer);
    head_add(lexer, (char)c);
    if (c == '(')
        lexer->parens++;
    else if (c == ')' && lexer->parens > 0)
        lexer->parens--;
    return enter(lexer, TOP);
}

static size_t in_top(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    unsigned char c = *data;
    if (is_space(c))
        return c == '\n' && !lexer->in_statement ? report(lexer, LEXER_NEWLINE) : 1;
    if (c == ';' && lexer->parens == 0 && lexer->begins == 0)
        return report(lexer, LEXER_STATEMENT);
    if (c == '-')
        return enter(lexer, DASH);
    if (c == '/')
        return enter(lexer, SLASH);
    if (c == '\\' && !lexer->in_statement) {
        line_add(lexer, data, 1);
        return enter(lexer, META);
    }
    if (is_letter(c) || is_digit(c)) {
        bool after_begin = lexer->after_begin;
        begin_token(lexer);
        lexer->after_begin = after_begin;
        return leave(lexer, WORD);
    }
    if (c == '\'') {
        begin_token(lexer);
        head_add(lexer, '\'');
        return enter(lexer, lexer->standard_strings ? STRING : ESCAPED);
    }
    if (c == '"') {
        begin_token(lexer);
        head_add(lexer, '"');
        return enter(lexer, QUOTED);
    }
    if (c == '$') {
        begin_token(lexer);
        text_clear(&lexer->tag);
        text_add_char(&lexer->tag, '$');
        return enter(lexer, DOLLAR);
    }
    return punctuation(lexer, c);
}

static size_t in_word(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = 0;

    while (length < size && (is_letter(data[length]) || is_digit(data[length]) ||
                             (data[length] == '$' && lexer->word_size + length > 0)))
        length++;
    add_word(lexer, data, length);
    if (length == size)
        return length;
    lexer->state = TOP;
    if (data[length] == '\'' && lexer->word_size == 1 &&
        strchr("EBX", lexer->word[0]) != NULL) {
        /* E'' has backslash escapes whatever standard_conforming_strings says; B'' and X''
         * never. */
        lexer->state = lexer->word[0] == 'E' ? ESCAPED : STRING;
        return length + 1;
    }
    end_word(lexer);
    return length;
}

static size_t in_dollar(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = 0;

    while (length < size && (is_letter(data[length]) ||
                             (is_digit(data[length]) && lexer->tag.length + length > 1)))
        length++;
    text_add_bytes(&lexer->tag, data, length);
    if (length == size)
        return length;
    if (data[length] == '$') {
        text_add_char(&lexer->tag, '$');
        lexer->failed = lexer->failed || lexer->tag.overflowed;
        lexer->tag_matched = 0;
        lexer->state = DOLLAR_BODY;
        return length + 1;
    }
    /* No tag: a lone dollar, or `$name`, whose name is a word as any other. */
    add_word(lexer, (const unsigned char *)lexer->tag.data + 1, lexer->tag.length - 1);
    lexer->state = WORD;
    return length;
}

static size_t in_dollar_body(struct lexer *lexer, const unsigned char *data, size_t size)
{
    const char *tag = lexer->tag.data;

    if (lexer->tag_matched == 0) {
        size_t length = length_to(data, size, '$');
        if (length == size)
            return size;
        lexer->tag_matched = 1;
        return length + 1;
    }
    if (*data != (unsigned char)tag[lexer->tag_matched]) {
        /* A dollar stands only at the ends of a tag, so it is the one place to begin again.
         */
        lexer->tag_matched = *data == '$' ? 1 : 0;
        return 1;
    }
    if (++lexer->tag_matched == lexer->tag.length)
        lexer->state = TOP;
    return 1;
}

static void add_to_string(struct lexer *lexer, const unsigned char *data, size_t size)
{
    for (size_t i = 0; i < size && lexer->head_size < LEXER_HEAD_SIZE - 1; i++)
        head_add(lexer, (char)data[i]);
}

static size_t in_string(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = length_to(data, size, '\'');

    add_to_string(lexer, data, length);
    if (length == size)
        return size;
    lexer->state = STRING_END;
    return length + 1;
}

static size_t in_string_end(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    head_add(lexer, '\'');
    return *data == '\'' ? enter(lexer, STRING) : leave(lexer, TOP);
}

static size_t in_escaped(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = length_to(data, size, '\'');

    length = length_to(data, length, '\\');
    add_to_string(lexer, data, length);
    if (length == size)
        return size;
    lexer->state = data[length] == '\'' ? ESCAPED_END : ESCAPED_ANY;
    return length + 1;
}

static size_t in_escaped_any(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)data;
    (void)size;
    return enter(lexer, ESCAPED);
}

static size_t in_escaped_end(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '\'')
        return enter(lexer, ESCAPED);
    if (*data == '\n')
        return enter(lexer, ESCAPED_GAP);
    if (is_space(*data))
        return 1;
    head_add(lexer, '\'');
    return leave(lexer, TOP);
}

static size_t in_escaped_gap(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '\'')
        return enter(lexer, ESCAPED);
    if (is_space(*data))
        return 1;
    head_add(lexer, '\'');
    return leave(lexer, TOP);
}

static size_t in_quoted(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = length_to(data, size, '"');

    if (length == size)
        return size;
    lexer->state = QUOTED_END;
    return length + 1;
}

static size_t in_quoted_end(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    return *data == '"' ? enter(lexer, QUOTED) : leave(lexer, TOP);
}

static size_t in_dash(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '-') {
        lexer->line_size = 0;
        line_add(lexer, (const unsigned char *)"--", 2);
        return enter(lexer, LINE_COMMENT);
    }
    (void)punctuation(lexer, '-');
    return leave(lexer, TOP);
}

static size_t in_slash(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '*') {
        lexer->comment_depth = 1;
        return enter(lexer, BLOCK);
    }
    (void)punctuation(lexer, '/');
    return leave(lexer, TOP);
}

static size_t in_meta(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = length_to(data, size, '\n');

    line_add(lexer, data, length);
    return length < size ? length + report(lexer, LEXER_META) : length;
}

static size_t in_line_comment(struct lexer *lexer, const unsigned char *data, size_t size)
{
    size_t length = length_to(data, size, '\n');

    /* For psql a carriage return ends a comment too. */
    length = length_to(data, length, '\r');
    line_add(lexer, data, length);
    if (length == size)
        return size;
    if (data[length] == '\r' || lexer->in_statement)
        return length + enter(lexer, TOP);
    return length + report(lexer, LEXER_COMMENT);
}

static size_t in_block(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '*')
        return enter(lexer, BLOCK_STAR);
    if (*data == '/')
        return enter(lexer, BLOCK_SLASH);
    return 1;
}

static size_t in_block_star(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '*')
        return 1;
    if (*data != '/')
        return enter(lexer, BLOCK);
    if (--lexer->comment_depth > 0)
        return enter(lexer, BLOCK);
    if (lexer->in_statement)
        return enter(lexer, TOP);
    lexer->line_size = 0;
    line_add(lexer, (const unsigned char *)"/*", 2);
    return report(lexer, LEXER_COMMENT);
}

static size_t in_block_slash(struct lexer *lexer, const unsigned char *data, size_t size)
{
    (void)size;
    if (*data == '/')
        return 1;
    if (*data != '*')
        return enter(lexer, BLOCK);
    lexer->comment_depth++;
    return enter(lexer, BLOCK);
}

/* Each takes size >= 1 bytes and returns how many it consumed; none only when it changed
 * the state. */
static size_t (*const handlers[STATE_COUNT])(struct lexer *, const unsigned char *,
                                             size_t) = {
    [TOP] = in_top,
    [WORD] = in_word,
    [DOLLAR] = in_dollar,
    [DOLLAR_BODY] = in_dollar_body,
    [STRING] = in_string,
    [STRING_END] = in_string_end,
    [ESCAPED] = in_escaped,
    [ESCAPED_ANY] = in_escaped_any,
    [ESCAPED_END] = in_escaped_end,
    [ESCAPED_GAP] = in_escaped_gap,
    [QUOTED] = in_quoted,
    [QUOTED_END] = in_quoted_end,
    [DASH] = in_dash,
    [SLASH] = in_slash,
    [LINE_COMMENT] = in_line_comment,
    [BLOCK] = in_block,
    [BLOCK_STAR] = in_block_star,
    [BLOCK_SLASH] = in_block_slash,
    [META] = in_meta,
};

static void capture(struct lexer *lexer, const unsigned char *data, size_t size)
{
    text_add_bytes(&lexer->body, data, size);
    lexer->failed = lexer->failed || lexer->body.overflowed;
}

void lexer_init(struct lexer *lexer)
{
    *lexer = (struct lexer){.standard_strings = true};
    text_init(&lexer->tag, TAG_CEILING);
    text_init(&lexer->body, BODY_CEILING);
}

void lexer_release(struct lexer *lexer)
{
    text_release(&lexer->tag);
    text_release(&lexer->body);
}

size_t lexer_step(struct lexer *lexer, const unsigned char *data, size_t size,
                  enum lexer_event *event)
{
    size_t used = 0;

    while (used < size && lexer->event == LEXER_NOTHING) {
        bool copy = lexer->in_copy;
        size_t taken = handlers[lexer->state](lexer, data + used, size - used);
        if (copy)
            capture(lexer, data + used, taken);
        used += taken;
    }
    *event = lexer->event;
    return used;
}

void lexer_next(struct lexer *lexer)
{
    lexer->event = LEXER_NOTHING;
    lexer->in_statement = false;
    lexer->in_copy = false;
    lexer->after_begin = false;
    lexer->parens = 0;
    lexer->begins = 0;
    lexer->head_size = 0;
    lexer->head_joins = false;
    lexer->word_size = 0;
    lexer->line_size = 0;
    text_clear(&lexer->body);
}

bool lexer_is_idle(const struct lexer *lexer)
{
    return lexer->state == TOP && !lexer->in_statement;
}

bool lexer_head_matches(const struct lexer *lexer, const char *pattern)
{
    const char *head = lexer->head;
    const char *end = head + lexer->head_size;

    while (*pattern != '\0') {
        if (*pattern == '*') {
            if (head == end)
                return false;
            while (head < end && *head != ' ')
                head++;
            pattern++;
        } else if (head < end && *head == *pattern) {
            head++;
            pattern++;
        } else {
            return false;
        }
    }
    return head == end || *head == ' ';
}

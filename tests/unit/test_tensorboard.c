/* Event files: the checksum, the bytes, and reading them back, damage included. */
#define _POSIX_C_SOURCE 200809L

#include "folder.h"

#include "ckpt/tensorboard.h"

static void the_checksum_is_castagnoli(void **state)
{
    (void)state;
    assert_int_equal(strait_crc32c("123456789", 9), 0xE3069283U);
    assert_int_equal(strait_crc32c("", 0), 0);
}

static void the_bytes_are_those_of_the_format(void **state)
{
    (void)state;
    /* Compared with what EventFileWriter of the tensorboard package writes. */
    static const unsigned char expected[] = {
        /* file_version "brain.Event:2" */
        0x18, 0,    0,    0,   0,   0,   0,   0,   0xA3, 0x7F, 0x4B, 0x22, 0x09, 0,   0,   0,   0, 0, 0, 0xF8,
        0x3F, 0x1A, 0x0D, 'b', 'r', 'a', 'i', 'n', '.',  'E',  'v',  'e',  'n',  't', ':', '2', 0, 0, 0, 0};
    strait_tensorboard *writer;
    assert_int_equal(strait_tensorboard_create("bytes", 1.5, -1, &writer), STRAIT_OK);
    const strait_scalar scalar = {"loss", 0.5};
    assert_int_equal(strait_tensorboard_write(writer, 300, 1.5, &scalar, 1), STRAIT_OK);
    assert_int_equal(strait_tensorboard_sync(writer), STRAIT_OK);
    strait_tensorboard_close(writer);
    char *path = only_file("bytes");
    assert_non_null(strstr(path, "bytes/events.out.tfevents.0000000001."));
    strait_buffer file = {0};
    assert_int_equal(strait_file_read(path, 0, &file), STRAIT_OK);
    strait_free(path);
    assert_memory_equal(file.bytes, expected, 36);
    /* The second event: time, step 300 (AC 02), summary of one value with tag "loss" and float 0.5. */
    static const unsigned char event[] = {0x09, 0,    0,    0, 0,   0,   0,   0xF8, 0x3F, 0x10, 0xAC, 0x02, 0x2A, 0x0D,
                                          0x0A, 0x0B, 0x0A, 4, 'l', 'o', 's', 's',  0x15, 0,    0,    0,    0x3F};
    assert_int_equal(file.length, 40 + 12 + sizeof event + 4);
    assert_memory_equal(file.bytes + 40 + 12, event, sizeof event);
    strait_buffer_fini(&file);
}

static void files_read_back(void **state)
{
    (void)state;
    strait_tensorboard *writer;
    assert_int_equal(strait_tensorboard_create("back", 2, 11, &writer), STRAIT_OK);
    const strait_scalar scalars[] = {{"a", 1}, {"b", 2}};
    for (int64_t step = 11; step <= 20; step++) {
        assert_int_equal(strait_tensorboard_write(writer, step, 2, scalars, 2), STRAIT_OK);
    }
    strait_tensorboard_close(writer);
    char *path = only_file("back");
    strait_tensorboard_summary summary;
    assert_int_equal(strait_tensorboard_inspect(path, &summary), STRAIT_OK);
    assert_int_equal(summary.events, 12);
    assert_int_equal(summary.first_step, 11);
    assert_int_equal(summary.last_step, 20);
    assert_false(summary.torn);

    strait_buffer file = {0};
    assert_int_equal(strait_file_read(path, 0, &file), STRAIT_OK);
    assert_int_equal(strait_file_replace("torn", file.bytes, file.length - 5), STRAIT_OK);
    assert_int_equal(strait_tensorboard_inspect("torn", &summary), STRAIT_OK);
    assert_true(summary.torn);
    assert_int_equal(summary.last_step, 19);
    /* Every single changed byte is noticed. */
    for (size_t i = 0; i < 200; i++) {
        file.bytes[i] ^= 4;
        assert_int_equal(strait_file_replace("damaged", file.bytes, file.length), STRAIT_OK);
        assert_int_not_equal(strait_tensorboard_inspect("damaged", &summary), STRAIT_OK);
        file.bytes[i] ^= 4;
    }
    assert_int_equal(strait_file_replace("foreign", "hello, this is text\n", 20), STRAIT_OK);
    assert_int_equal(strait_tensorboard_inspect("foreign", &summary), STRAIT_ERR_FORMAT);
    assert_int_equal(strait_file_replace("foreign", "", 0), STRAIT_OK);
    assert_int_equal(strait_tensorboard_inspect("foreign", &summary), STRAIT_ERR_FORMAT);
    strait_buffer_fini(&file);
    strait_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_castagnoli),
        cmocka_unit_test(the_bytes_are_those_of_the_format),
        cmocka_unit_test(files_read_back),
    };
    return cmocka_run_group_tests(tests, folder_enter, folder_leave);
}

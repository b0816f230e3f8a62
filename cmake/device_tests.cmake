# Tests of libeao as others use it.
add_test(NAME link COMMAND ${PROJECT_SOURCE_DIR}/tests/link_test.sh $<TARGET_FILE:eao>
                           $<TARGET_FILE:eao_device> ${PROJECT_SOURCE_DIR} $<CONFIG>)
set_tests_properties(link PROPERTIES SKIP_RETURN_CODE 77)
